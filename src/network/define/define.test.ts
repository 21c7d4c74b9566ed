import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetworkRequest, SubnetRequest } from '../../model/index.ts';
import { formatIp, parseIp, parsePrefix } from '../addresses/index.ts';
import { defineNetwork } from './define.ts';
import type { TakenPrefix } from './subnets.ts';

const request = (more: Partial<NetworkRequest> = {}): NetworkRequest => ({
  ...{ name: 'web', driver: '', internal: false, attachable: false, labels: {}, options: {} },
  ...{ ipamDriver: '', ipamOptions: null, subnets: [] },
  ...more,
});
const subnet = (text: string, more: Partial<SubnetRequest> = {}): SubnetRequest => ({
  ...{ subnet: text, gateway: '', ipRange: '', auxiliaryAddresses: {} },
  ...more,
});
const taken = (text: string, by: string, ours: boolean): TakenPrefix => {
  const prefix = parsePrefix(text);
  assert.ok(prefix);
  return { prefix, by, ours };
};
const define = (asked: NetworkRequest, around: readonly TakenPrefix[] = []) =>
  defineNetwork(asked, { networks: [], taken: around, pools: [{ base: '172.16.0.0/12', size: 16 }], randomBits: () => 0x1234567890n });

test('addresses of both families read and show as RFC 5952 has them', () => {
  for (const text of ['10.0.0.1', '::', '::1', 'fd00::1', '2001:db8::8:800:200c:417a', '1:2:3:4:5:6:7:8', 'fe80::1:0:0:1'])
    assert.equal(formatIp(parseIp(text) ?? { family: 4, value: 0n }), text);
  assert.equal(parseIp('fe80::1%eth0'), undefined);
  assert.equal(parseIp('010.0.0.1'), undefined);
});

test('a subnet of the pools keeps clear of routes of the host and of other networks', () => {
  const around = [
    taken('172.16.0.0/15', 'a route of this host (device wg0)', false),
    taken('172.18.0.0/16', 'the subnet of network db', true),
  ];
  assert.deepEqual(define(request(), around).subnets, [{ subnet: '172.19.0.0/16', gateway: '172.19.0.1' }]);
  assert.throws(() => define(request(), [taken('172.0.0.0/8', 'a route of this host (device wg0)', false)]), /fully subnetted.*device wg0/);
});

test('a subnet with everything is kept as it was asked for, and its gateway follows the range', () => {
  const asked = subnet('10.1.0.0/16', { ipRange: '10.1.4.0/24', auxiliaryAddresses: { router: '10.1.4.0' } });
  const [made] = define(request({ subnets: [asked] })).subnets;
  assert.deepEqual([made?.subnet, made?.ipRange, made?.gateway, made?.impliedGateway], ['10.1.0.0/16', '10.1.4.0/24', '10.1.4.1', true]);
});

test('IPv6 alone needs no IPv4, and gets a private prefix', () => {
  const made = define(request({ enableIPv4: false, enableIPv6: true }));
  assert.deepEqual(made.subnets, [{ subnet: 'fd12:3456:7890::/64', gateway: 'fd12:3456:7890::1' }]);
  assert.throws(() => define(request({ enableIPv4: false })), /IPv4 or IPv6 must be enabled/);
});

test('options choose families for which nothing was said, as defaults of the daemon and Compose files do', () => {
  const [four, six] = ['com.docker.network.enable_ipv4', 'com.docker.network.enable_ipv6'];
  const made = define(request({ options: { [four]: 'false', [six]: '1' } }));
  assert.deepEqual([made.enableIPv4, made.enableIPv6, made.options], [false, true, { [four]: 'false', [six]: '1' }]);
  assert.equal(define(request({ enableIPv6: false, options: { [six]: 'true' } })).enableIPv6, false);
  assert.throws(() => define(request({ options: { [six]: 'often' } })), /failed to parse com\.docker\.network\.enable_ipv6 value: often/);
});

for (const [what, asked, words] of [
  ['host bits', { subnets: [subnet('10.1.0.1/16')] }, /it should be 10\.1\.0\.0\/16/],
  ['loopback', { subnets: [subnet('127.8.0.0/16')] }, /invalid subnet 127\.8\.0\.0\/16: 127\.0\.0\.0\/8 is for each machine itself/],
  ['multicast', { subnets: [subnet('239.1.0.0/24')] }, /224\.0\.0\.0\/4 is for multicast/],
  ['multicast of IPv6', { enableIPv6: true, subnets: [subnet('ff05::/64')] }, /ff00::\/8 is for multicast/],
  ['no CIDR', { subnets: [subnet('banana')] }, /invalid CIDR block notation/],
  [
    'a gateway elsewhere',
    { subnets: [subnet('10.1.0.0/16', { gateway: '10.2.0.1' })] },
    /invalid gateway address 10\.2\.0\.1: parent subnet is 10\.1\.0\.0\/16/,
  ],
  ['a range elsewhere', { subnets: [subnet('10.1.0.0/16', { ipRange: '10.2.0.0/24' })] }, /it is not in the subnet/],
  ['two of one family', { subnets: [subnet('10.1.0.0/24'), subnet('10.2.0.0/24')] }, /doesn't support multiple subnets/],
  ['a route of the host', { subnets: [subnet('10.9.8.0/24')] }, /overlaps 10\.9\.0\.0\/16, a route of this host/],
  ['a predefined name', { name: 'none' }, /operation is not permitted on predefined none network/],
  ['an unknown driver', { driver: 'foo' }, /plugin "foo" not found/],
  [
    'a bad option',
    { options: { 'com.docker.network.bridge.enable_icc': 'maybe' } },
    /failed to parse com\.docker\.network\.bridge\.enable_icc value: maybe/,
  ],
  ['an unknown mode', { driver: 'macvlan', options: { macvlan_mode: 'odd' } }, /unknown macvlan mode/],
] as [string, Partial<NetworkRequest>, RegExp][])
  test(`${what} is refused by name`, () => {
    assert.throws(() => define(request(asked), [taken('10.9.0.0/16', 'a route of this host (device eth1)', false)]), words);
  });
