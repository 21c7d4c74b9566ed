import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eachPort, exposuresOf, joinPortRanges, type PortRequest, RANGE_AT_LEAST } from './port.ts';

const row = (container: number, host: number | undefined, count: number, more: Partial<PortRequest> = {}): PortRequest[] =>
  Array.from({ length: count }, (_, at) => ({
    containerPort: container + at,
    protocol: 'tcp',
    hostAddress: '',
    ...(host === undefined ? {} : { hostPorts: { from: host + at, to: host + at } }),
    ...more,
  }));

test('joinPortRanges() makes one request of ports in a row, whatever their order', () => {
  assert.deepEqual(joinPortRanges(row(80, 8000, 100).reverse()), [
    { containerPort: 80, protocol: 'tcp', hostAddress: '', count: 100, hostPorts: { from: 8000, to: 8099 } },
  ]);
  assert.deepEqual(joinPortRanges(row(80, undefined, 40)), [{ containerPort: 80, protocol: 'tcp', hostAddress: '', count: 40 }]);
});

test('joinPortRanges() leaves few ports, gaps, other shifts, protocols, addresses, policies and choices apart', () => {
  const few = row(80, 8000, RANGE_AT_LEAST - 1);
  assert.deepEqual(joinPortRanges(few), few);
  const counts = (requests: PortRequest[]) => joinPortRanges(requests).map(({ count = 1 }) => count);
  assert.deepEqual(counts([...row(80, 8000, 40), ...row(121, 8041, 40)]), [40, 40], 'a gap');
  assert.deepEqual(counts([...row(80, 8000, 40), ...row(120, 9000, 40)]), [40, 40], 'another shift');
  assert.deepEqual(counts([...row(80, 8000, 40), ...row(120, 8040, 40, { protocol: 'udp' })]), [40, 40], 'another protocol');
  assert.deepEqual(counts([...row(80, 8000, 40), ...row(120, 8040, 40, { hostAddress: '127.0.0.1' })]), [40, 40], 'another address');
  assert.deepEqual(counts([...row(80, 8000, 40), ...row(120, 8040, 40, { exposure: 'lan' })]), [40, 40], 'another policy');
  const choice: PortRequest = { containerPort: 70, protocol: 'tcp', hostAddress: '', hostPorts: { from: 7000, to: 7100 } };
  assert.deepEqual(joinPortRanges([choice, ...row(80, 8000, 40)])[0], choice, 'one of several');
});

test('eachPort() gives every port of a range', () => {
  const port = { containerPort: 80, protocol: 'udp' as const, hostAddress: '0.0.0.0', hostPort: 8000, count: 3 };
  assert.deepEqual(
    [...eachPort([port])].map(({ hostPort, containerPort, count }) => [hostPort, containerPort, count]),
    [
      [8000, 80, undefined],
      [8001, 81, undefined],
      [8002, 82, undefined],
    ],
  );
});

test('exposuresOf() reads the labels of ours and names what it does not know', () => {
  assert.deepEqual(exposuresOf({ other: 'x' }), {});
  assert.deepEqual(exposuresOf({ 'gantry.expose': 'lan', 'gantry.expose.80': 'host', 'gantry.expose.53/udp': 'public' }).exposures, {
    '*': 'lan',
    '80/tcp': 'host',
    '53/udp': 'public',
  });
  assert.match(exposuresOf({ 'gantry.expose': 'LAN' }).complaint ?? '', /gantry\.expose=LAN: it is one of host, lan, public/);
  assert.match(exposuresOf({ 'gantry.expose.web': 'lan' }).complaint ?? '', /gantry\.expose\.web: it names a port/);
});
