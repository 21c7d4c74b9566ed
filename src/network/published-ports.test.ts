import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { isKind } from '../base/index.ts';
import { netlink, run } from '../host/index.ts';
import type { ContainerSpec, PortRequest } from '../model/index.ts';
import type { Attachment } from './index.ts';
import {
  addressOf,
  ask,
  askByDatagram,
  dualStack,
  eventually,
  greeter,
  inOwnNetwork,
  inside,
  linkNames,
  place,
  spec,
  tcp,
} from './testing/place.ts';

await inOwnNetwork(import.meta.filename, () => {
  test('a published port answers on loopback, host addresses, IPv6 loopback, to neighbours and to the container itself', async () => {
    await using here = await place();
    await here.network.start([]);
    const server = await here.network.attach({ containerId: 'server', spec: spec({ ports: [tcp(80, 8080)] }) });
    const neighbour = await here.network.attach({ containerId: 'neighbour', spec: spec() });
    await using _server = await greeter(server.namespace, 'TCP-LISTEN:80,fork');
    assert.deepEqual(
      server.publishedPorts.map(({ hostAddress, hostPort }) => `${hostAddress} ${hostPort}`),
      ['0.0.0.0 8080', ':: 8080'],
    );
    for (const host of ['127.0.0.1', '172.17.0.1', '::1']) assert.match(await ask(host, 8080), /^hello /, host);
    for (const from of [neighbour, server])
      assert.match(await inside(from.namespace, 'socat', '-u', 'TCP:172.17.0.1:8080', '-'), /^hello /);
    const local = await here.network.attach({ containerId: 'local', spec: spec({ ports: [tcp(80, 8181, '127.0.0.1')] }) });
    await using _local = await greeter(local.namespace, 'TCP-LISTEN:80,fork');
    assert.match(await ask('127.0.0.1', 8181), /^hello /);
    assert.equal(await ask('172.17.0.1', 8181), 'ECONNREFUSED', 'published on loopback only');
    await here.network.detach('server');
    assert.equal(await ask('127.0.0.1', 8080), 'ECONNREFUSED');
    assert.equal(await ask('::1', 8080), 'ECONNREFUSED');
    assert.doesNotMatch((await run('nft', ['list', 'ruleset'])).stdout, /8080/);
  });

  test('a machine outside reaches published ports with its own address kept, and nothing else of the container', async () => {
    await using here = await place();
    await here.network.start([]);
    const outside = path.join(here.options.execRoot, 'netns', 'outside');
    const server = await here.network.attach({ containerId: 'server', spec: spec({ ports: [tcp(80, 8080)] }) });
    netlink.makeNamespace(outside, () => {});
    await run('ip', ['link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', outside]);
    await run('ip', ['-batch', '-'], { input: 'addr add 10.99.0.1/24 dev up0\nlink set up0 up\n' });
    await run('nsenter', [`--net=${outside}`, 'ip', '-batch', '-'], {
      input: 'link set eth0 up\naddr add 10.99.0.2/24 dev eth0\nroute add 172.17.0.0/16 via 10.99.0.1\n',
    });
    await using _server = await greeter(server.namespace, 'TCP-LISTEN:80,fork');
    await using _far = await greeter(outside, 'TCP-LISTEN:81,fork');
    assert.equal((await inside(outside, 'socat', '-u', 'TCP:10.99.0.1:8080', '-')).trim(), 'hello 10.99.0.2');
    await assert.rejects(inside(outside, 'socat', '-u', `TCP:${addressOf(server)}:80,connect-timeout=0.5`, '-'), /timed out/i);
    // On the way out the container has the host's address.
    assert.equal((await inside(server.namespace, 'socat', '-u', 'TCP:10.99.0.2:81', '-')).trim(), 'hello 10.99.0.1');
    await run('ip', ['link', 'del', 'up0']);
  });

  test('UDP is published for IPv4 and IPv6, and a port that changes its container forgets the old one', async () => {
    await using here = await place();
    await here.network.start([]);
    const udp: PortRequest = { containerPort: 53, protocol: 'udp', hostAddress: '', hostPorts: { from: 5353, to: 5353 } };
    const first = await here.network.attach({ containerId: 'first', spec: spec({ ports: [udp] }) });
    {
      await using _server = await greeter(first.namespace, 'UDP-RECVFROM:53,fork');
      assert.match(await askByDatagram('127.0.0.1', 5353, 7001), /^hello/);
      assert.match(await askByDatagram('::1', 5353, 7002), /^hello/);
    }
    await here.network.detach('first');
    const second = await here.network.attach({ containerId: 'second', spec: spec({ ports: [udp] }) });
    await using _server = await greeter(second.namespace, 'UDP-RECVFROM:53,fork');
    assert.match(await askByDatagram('127.0.0.1', 5353, 7001), /^hello/, 'the same client as before');
  });

  test('attach() refuses a port that a container or another program has, says by whom, and leaves nothing behind', async () => {
    await using here = await place({ poolSize: 1 });
    await here.network.start([]);
    await here.network.attach({ containerId: 'first', spec: spec({ ports: [tcp(80, 8080)] }) });
    await assert.rejects(
      here.network.attach({ containerId: 'second', name: 'web', spec: spec({ ports: [tcp(81, 9090), tcp(80, 8080, '127.0.0.1')] }) }),
      (error) =>
        isKind(error, 'conflict') &&
        /endpoint web \(.*Bind for 127\.0\.0\.1:8080 failed: port is already allocated.*first/.test(String(error)),
    );
    const stranger = net.createServer().listen(9090, '0.0.0.0');
    await once(stranger, 'listening');
    await assert.rejects(
      here.network.attach({ containerId: 'third', spec: spec({ ports: [tcp(80, 9090)] }) }),
      (error) => isKind(error, 'conflict') && /listen tcp4 0\.0\.0\.0:9090: bind: address already in use/.test(String(error)),
    );
    stranger.close();
    await once(stranger, 'close');
    await here.network.attach({ containerId: 'fourth', spec: spec({ ports: [tcp(80, 9090)] }) });
    await eventually(
      async () => (await linkNames()).filter((name) => /^g[0-9a-f]{6}-/.test(name)).length <= 4,
      'links of the refused are gone',
    );
    assert.deepEqual([...here.network.attachments().keys()], ['first', 'fourth']);
  });

  test('a range takes its first free port, no port an ephemeral one, and publish-all each exposed one', async () => {
    await using here = await place();
    await here.network.start([]);
    const range: PortRequest = { containerPort: 80, protocol: 'tcp', hostAddress: '127.0.0.1', hostPorts: { from: 8000, to: 8001 } };
    const ports = async (containerId: string, more: Partial<ContainerSpec>) =>
      (await here.network.attach({ containerId, spec: spec(more) })).publishedPorts
        .filter(({ hostAddress }) => hostAddress !== '::')
        .map(({ hostPort }) => hostPort);
    assert.deepEqual(await ports('a', { ports: [range] }), [8000]);
    assert.deepEqual(await ports('b', { ports: [range] }), [8001]);
    await assert.rejects(ports('c', { ports: [range] }), /all ports from 8000 to 8001 are allocated/);
    const exposed = [
      { port: 80, protocol: 'tcp' as const },
      { port: 81, protocol: 'udp' as const },
    ];
    const chosen = await ports('d', { ports: [tcp(90)], exposedPorts: exposed, publishAll: true });
    assert.equal(new Set(chosen).size, 3);
    assert.ok(
      chosen.every((port) => port >= 32768 && port <= 60999),
      String(chosen),
    );
  });

  test('ports follow when another network leads out, and keep their numbers, chosen ones and ranges too', async () => {
    await using here = await place();
    await here.network.start([]);
    await here.network.create(dualStack('later', '10.77.0.0/24', 'fd77::/64'));
    const range: PortRequest = { containerPort: 9000, protocol: 'tcp', hostAddress: '', hostPorts: { from: 9000, to: 9099 }, count: 100 };
    const wish = {
      containerId: 'moving',
      name: 'moving',
      spec: spec({ ports: [tcp(80, 8080), tcp(80), range, tcp(80, 8081), tcp(81), tcp(81)] }),
    };
    const before = await here.network.attach(wish);
    await using _server = await greeter(before.namespace, 'TCP-LISTEN:9050,fork');
    const numbers = ({ publishedPorts }: Attachment) =>
      publishedPorts
        .filter(({ hostAddress }) => hostAddress === '0.0.0.0')
        .map(({ hostPort, containerPort }) => `${hostPort}:${containerPort}`);
    const after = await here.network.connect(wish, 'later', { aliases: [], links: [], driverOptions: {}, gatewayPriority: 1 });
    assert.deepEqual(numbers(after), numbers(before));
    assert.deepEqual(
      after.publishedPorts.filter(({ count }) => count === 100).map(({ hostAddress, hostPort }) => `${hostAddress} ${hostPort}`),
      ['0.0.0.0 9000', ':: 9000'],
    );
    assert.match(await ask('127.0.0.1', 9050), /^hello /);
    assert.match((await run('nft', ['list', 'ruleset'])).stdout, /tcp \. 9000-9099 : 10\.77\.0\.2[\s\S]*tcp \. 9000-9099 : fd77::2/);
    await here.network.disconnect('moving', 'later');
    assert.match(await ask('127.0.0.1', 9050), /^hello /);
    const all = Array.from({ length: 40_000 }, (_, at) => ({ port: 1 + at, protocol: 'tcp' as const }));
    await assert.rejects(
      here.network.attach({ containerId: 'greedy', spec: spec({ exposedPorts: all, publishAll: true }) }),
      /cannot choose 40000 ports in a row: there are 28232 from 32768 to 60999/,
    );
  });

  test('a range of a thousand ports is one transaction and goes away as one', async () => {
    await using here = await place();
    await here.network.start([]);
    const ports = Array.from({ length: 1000 }, (_, index) => tcp(10_000 + index, 10_000 + index));
    const server = await here.network.attach({ containerId: 'range', spec: spec({ ports }) });
    await using _server = await greeter(server.namespace, 'TCP-LISTEN:10999,fork');
    assert.match(await ask('127.0.0.1', 10_999), /^hello /);
    await here.network.detach('range');
    assert.equal(await ask('127.0.0.1', 10_999), 'ECONNREFUSED');
    assert.doesNotMatch((await run('nft', ['list', 'ruleset'])).stdout, / : 172\.\d+\.\d+\.\d+ \. \d+/);
  });
});
