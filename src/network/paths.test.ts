import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clock, dualStack, greeter, inOwnNetwork, inside, machineOutside, place, spec } from './testing/place.ts';

/** Who the server takes its client for, on each way to a published port: [client, address asked, address seen]. */
const PATHS: readonly (readonly [string, string, string])[] = [
  ['outside', '10.99.0.1', '10.99.0.2'],
  ['outside', '[fd99::1]', 'fd99::2'],
  ['host', '10.99.0.1', '10.99.0.1'],
  ['host', '[fd99::1]', 'fd99::1'],
  ['host', '10.77.0.1', '10.77.0.1'],
  ['host', '127.0.0.1', '10.77.0.1'],
  ['host', '[::1]', 'fd77::1'],
  ['neighbour', '10.99.0.1', '10.77.0.1'],
  ['neighbour', '[fd99::1]', 'fd77::1'],
  ['itself', '10.99.0.1', '10.77.0.1'],
  ['itself', '[fd99::1]', 'fd77::1'],
  ['other network', '10.99.0.1', '10.78.0.2'],
  ['other network', '[fd99::1]', 'fd78::2'],
];

/** Such as `[fd99:0000:…:0002]` or `[…:ffff:0a63:0002]` as socat writes them, in the shortest form. */
function readAddress(told: string): string {
  const address = /\[([0-9a-f:]+)\]/.exec(told)?.[1] ?? '';
  const mapped = /:ffff:(..)(..):(..)(..)$/.exec(address)?.slice(1);
  if (mapped) return mapped.map((byte) => Number.parseInt(byte, 16)).join('.');
  return address === '' ? '' : new URL(`http://[${address}]/`).hostname.slice(1, -1);
}

await inOwnNetwork(import.meta.filename, () => {
  test('every way to a published port works by TCP and UDP, IPv4 and IPv6, and the server sees the client where it can', async () => {
    await using here = await place();
    await here.network.start([]);
    await here.network.create(dualStack('dual', '10.77.0.0/24', 'fd77::/64'));
    await here.network.create(dualStack('apart', '10.78.0.0/24', 'fd78::/64'));
    await using outside = await machineOutside(here);
    const on = (name: string) => ({ networkMode: { kind: 'network' as const, name } });
    const ports = (['tcp', 'udp'] as const).map((protocol) => ({
      containerPort: 80,
      protocol,
      hostAddress: '',
      hostPorts: { from: 8080, to: 8080 },
    }));
    const server = await here.network.attach({ containerId: 'server', spec: spec({ ...on('dual'), ports }) });
    const neighbour = await here.network.attach({ containerId: 'neighbour', spec: spec(on('dual')) });
    const other = await here.network.attach({ containerId: 'other', spec: spec(on('apart')) });
    await using _tcp = await greeter(server.namespace, 'TCP6-LISTEN:80,fork');
    await using _udp = await greeter(server.namespace, 'UDP6-RECVFROM:80,fork');
    const places: Record<string, string> = {
      outside: outside.namespace,
      host: '/proc/self/ns/net',
      neighbour: neighbour.namespace,
      itself: server.namespace,
      'other network': other.namespace,
    };
    const ask = async (client: string, address: string, protocol: string) => {
      const words = ['timeout', '3', 'socat', '-t1', '-', `${protocol}:${address}:8080`];
      return readAddress(await inside(places[client] ?? '', 'sh', '-c', 'echo x | "$@" 2>/dev/null || true', 'sh', ...words));
    };
    const wanted = PATHS.flatMap((path) => ['TCP', 'UDP'].map((protocol) => [...path, protocol] as const));
    const seen = await Promise.all(
      wanted.map(async ([client, address, expected, protocol]) => {
        for (let tries = 0; ; tries += 1) {
          const found = await ask(client, address, protocol);
          if (found === expected || tries === 5) return `${protocol} from ${client} to ${address}: ${found}`;
          await clock.sleep(100);
        }
      }),
    );
    assert.deepEqual(
      seen,
      wanted.map(([client, address, expected, protocol]) => `${protocol} from ${client} to ${address}: ${expected}`),
    );
  });
});
