import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { isKind, randomIds, silentLog, systemClock } from '../base/index.ts';
import { netlink, run, spawn } from '../host/index.ts';
import type { ContainerSpec, PortRequest } from '../model/index.ts';
import { memoryStore, type Store } from '../store/index.ts';
import { type Attachment, createNetwork, type Network, type NetworkOptions } from './index.ts';

// All of it happens in network namespaces of its own: the file runs itself once more inside a new one.
const INSIDE = 'GANTRY_TEST_IN_OWN_NETWORK';
const clock = systemClock();

if (process.env[INSIDE] === undefined) {
  test('the network in namespaces of its own', { timeout: 120_000 }, async () => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env as Record<string, string>;
    const result = await run('unshare', ['--net', process.execPath, '--disable-warning=ExperimentalWarning', import.meta.filename], {
      env: { ...env, [INSIDE]: '1' },
      allowFailure: true,
    });
    assert.equal(result.code, 0, result.stdout + result.stderr);
  });
} else {
  await run('ip', ['link', 'set', 'lo', 'up']);
  tests();
}

interface Place extends AsyncDisposable {
  network: Network;
  options: NetworkOptions;
  store: Store;
  /** Another daemon on the same roots, as after a kill or a restart. */
  again(): Promise<Network>;
}

/** A network on roots of its own, which are taken away at the end with everything that is in the kernel. */
async function place(more: Partial<NetworkOptions> = {}): Promise<Place> {
  const root = mkdtempSync(path.join(tmpdir(), 'gantry-network-'));
  const store = memoryStore();
  const options: NetworkOptions = {
    execRoot: `${root}/run`,
    dataRoot: `${root}/lib`,
    store,
    clock,
    ids: randomIds(),
    log: silentLog,
    ...more,
  };
  const made: Network[] = [];
  const again = async () => {
    const network = await createNetwork(options);
    made.push(network);
    return network;
  };
  const network = await again();
  return {
    network,
    options,
    store,
    again,
    async [Symbol.asyncDispose]() {
      for (const one of made) await one[Symbol.asyncDispose]();
      const bridge = network.get('bridge').options['com.docker.network.bridge.name'] ?? '';
      for (const file of namespaces(options)) netlink.dropNamespace(file);
      if (bridge) await run('ip', ['link', 'del', bridge], { allowFailure: true });
      await run('nft', ['flush', 'ruleset']);
      rmSync(root, { recursive: true });
    },
  };
}

const namespaces = ({ execRoot }: NetworkOptions) => {
  const folder = path.join(execRoot, 'netns');
  return readdirSync(folder).map((name) => path.join(folder, name));
};

function spec(more: Partial<ContainerSpec> = {}): ContainerSpec {
  const plain = { networkMode: { kind: 'bridge' }, networkDisabled: false, domainname: '', publishAll: false };
  const lists = { ports: [], exposedPorts: [], dnsServers: [], dnsSearch: [], dnsOptions: [], extraHosts: [], links: [], endpoints: {} };
  return { ...plain, ...lists, ...more } as unknown as ContainerSpec;
}

const tcp = (containerPort: number, hostPort?: number, hostAddress = ''): PortRequest => ({
  containerPort,
  protocol: 'tcp',
  hostAddress,
  ...(hostPort === undefined ? {} : { hostPorts: { from: hostPort, to: hostPort } }),
});

const addressOf = (attachment: Attachment) => attachment.endpoints[0]?.ipv4Address ?? '';

/** Runs in the namespace; resolves to what it printed. */
async function inside(namespace: string, command: string, ...args: string[]): Promise<string> {
  const { stdout } = await run('nsenter', [`--net=${namespace}`, command, ...args], { timeout: 10_000 });
  return stdout;
}

/** A server in the namespace that tells each client its address. Stops when disposed. */
async function greeter(namespace: string, listen: string): Promise<AsyncDisposable> {
  const server = await spawn('nsenter', [`--net=${namespace}`, 'socat', listen, 'SYSTEM:echo hello $SOCAT_PEERADDR']);
  const port = /:(\d+)/.exec(listen)?.[1] ?? '';
  for (let tries = 0; tries < 100 && !(await inside(namespace, 'ss', '-Hlntu')).includes(`:${port} `); tries += 1) await clock.sleep(20);
  return {
    async [Symbol.asyncDispose]() {
      server.kill('SIGKILL');
      await server.exit;
    },
  };
}

/** What a server says to a client on this host, or the error's code. */
async function ask(host: string, port: number): Promise<string> {
  const socket = net.connect({ host, port });
  socket.setTimeout(2000, () => socket.destroy(Object.assign(new Error('no answer'), { code: 'TIMEOUT' })));
  let heard = '';
  socket.on('data', (data) => {
    heard += data.toString();
  });
  try {
    await once(socket, 'close');
  } catch (error) {
    return (error as { code: string }).code;
  }
  return heard.trim();
}

/** The same by UDP, from a port of the client's own choice, tried for two seconds. */
async function askByDatagram(host: string, port: number, from: number): Promise<string> {
  const socket = dgram.createSocket(net.isIPv6(host) ? 'udp6' : 'udp4').bind(from);
  let heard = '';
  socket.on('message', (data) => {
    heard += data.toString();
  });
  socket.on('error', () => {});
  for (let tries = 0; tries < 20 && heard === ''; tries += 1) {
    socket.send('x', port, host);
    await clock.sleep(100);
  }
  socket.close();
  return heard.trim();
}

/** Waits until `holds`, at most two seconds. */
async function eventually(holds: () => Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 40; tries += 1) {
    if (await holds()) return;
    await clock.sleep(50);
  }
  assert.fail(`not within two seconds: ${what}`);
}

const linkNames = async () =>
  (await run('ip', ['-o', 'link'])).stdout.split('\n').flatMap((line) => /^\d+: ([^@:]+)/.exec(line)?.[1] ?? []);

function tests(): void {
  test('attach() on the bridge gives address, route and sysctls, and leads to neighbours and the host', async () => {
    await using here = await place({ mtu: 1400 });
    await here.network.start([]);
    const one = await here.network.attach({ containerId: 'one', spec: spec() });
    const two = await here.network.attach({ containerId: 'two', spec: spec() });
    assert.notEqual(addressOf(one), addressOf(two));
    const route = await inside(one.namespace, 'ip', 'route');
    assert.match(route, /default via 172\.17\.0\.1 dev eth0/);
    assert.match(await inside(one.namespace, 'ip', 'link', 'show', 'eth0'), new RegExp(`mtu 1400[\\s\\S]*${one.endpoints[0]?.macAddress}`));
    assert.match(await inside(one.namespace, 'ip', '-6', 'address'), /^1: lo[\s\S]*::1/);
    assert.equal((await inside(one.namespace, 'cat', '/proc/sys/net/ipv4/ip_unprivileged_port_start')).trim(), '0');
    await using _server = await greeter(two.namespace, 'TCP-LISTEN:80,fork');
    assert.equal(await ask(addressOf(two), 80), 'hello 172.17.0.1');
    assert.equal((await inside(one.namespace, 'socat', '-u', `TCP:${addressOf(two)}:80`, '-')).trim(), `hello ${addressOf(one)}`);
  });

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

  test('a fixed address and hardware address are given, and an address in use is refused', async () => {
    await using here = await place({ bip: '10.88.0.1/24' });
    await here.network.start([]);
    const wish = { bridge: { aliases: [], links: [], driverOptions: {}, ipv4Address: '10.88.0.77', macAddress: '02:42:AA:BB:CC:DD' } };
    const fixed = await here.network.attach({ containerId: 'fixed', spec: spec({ endpoints: wish }) });
    assert.equal(addressOf(fixed), '10.88.0.77');
    assert.equal(fixed.endpoints[0]?.macAddress, '02:42:aa:bb:cc:dd');
    assert.match(await inside(fixed.namespace, 'ip', 'address', 'show', 'eth0'), /02:42:aa:bb:cc:dd[\s\S]*inet 10\.88\.0\.77\/24/);
    assert.match(await inside(fixed.namespace, 'ip', 'route'), /default via 10\.88\.0\.1/);
    await assert.rejects(
      here.network.attach({ containerId: 'late', spec: spec({ endpoints: wish }) }),
      /Address already in use: 10\.88\.0\.77/,
    );
    await using _server = await greeter(fixed.namespace, 'TCP-LISTEN:80,fork');
    assert.equal(await ask('10.88.0.77', 80), 'hello 10.88.0.1');
  });

  test('rules that someone flushes are back within a second, and connections work meanwhile', async () => {
    await using here = await place();
    await here.network.start([]);
    const server = await here.network.attach({ containerId: 'server', spec: spec({ ports: [tcp(80, 8080)] }) });
    await using _server = await greeter(server.namespace, 'TCP-LISTEN:80,fork');
    const before = (await run('nft', ['list', 'ruleset'])).stdout;
    await run('nft', ['flush', 'ruleset']);
    assert.match(await ask('127.0.0.1', 8080), /^hello /);
    await eventually(async () => (await run('nft', ['list', 'ruleset'])).stdout === before, 'the same rules as before');
    const table = /table ip (\S+)/.exec(before)?.[1] ?? '';
    await run('nft', ['flush', 'chain', 'ip', table, 'leaving']);
    await eventually(
      async () => (await run('nft', ['list', 'ruleset'])).stdout === before,
      'the same rules after part of them was flushed',
    );
  });

  test('our bridge is accepted where another engine drops what is forwarded', async () => {
    await using here = await place();
    await here.network.start([]);
    await run('iptables', ['-P', 'FORWARD', 'DROP']);
    await eventually(async () => (await run('iptables', ['-S', 'FORWARD'])).stdout.includes('gantry: '), 'an accepting rule in FORWARD');
    const server = await here.network.attach({ containerId: 'server', spec: spec() });
    const client = await here.network.attach({ containerId: 'client', spec: spec() });
    await using _server = await greeter(server.namespace, 'TCP-LISTEN:80,fork');
    assert.match(await inside(client.namespace, 'socat', '-u', `TCP:${addressOf(server)}:80`, '-'), /^hello/);
  });

  test('start() after a kill goes on with living containers and removes everything else of this daemon only', async () => {
    await using other = await place();
    await other.network.start([]);
    const neighbour = await other.network.attach({ containerId: 'neighbour', spec: spec({ ports: [tcp(80, 7070)] }) });
    await using here = await place();
    await here.network.start([]);
    const kept = await here.network.attach({ containerId: 'kept', spec: spec({ ports: [tcp(80, 8080)] }) });
    await here.network.attach({ containerId: 'forgotten', spec: spec({ ports: [tcp(80, 8081)] }) });
    const alone = await here.network.attach({ containerId: 'alone', spec: spec({ networkMode: { kind: 'none' } }) });
    await using _server = await greeter(kept.namespace, 'TCP-LISTEN:80,fork');
    // What is left of a daemon after kill -9: its sockets are closed, all else is as it was.
    await here.network[Symbol.asyncDispose]();
    assert.match(await ask('127.0.0.1', 8080), /^hello /, 'the kernel forwards without a daemon');
    await run('nft', ['flush', 'ruleset']);
    await run('ip', ['link', 'set', path.basename(kept.namespace).replace(/^/, `${prefixOf(here)}`), 'nomaster']);

    const next = await here.again();
    await next.start([kept, alone]);
    assert.deepEqual([...next.attachments().keys()], ['kept', 'alone']);
    assert.match(await ask('127.0.0.1', 8080), /^hello /);
    assert.match(await ask('::1', 8080), /^hello /);
    const rules = (await run('nft', ['list', 'ruleset'])).stdout;
    assert.ok(rules.includes('8080') && !rules.includes('8081'), rules);
    // The others are the pool's: four on the bridge and two without.
    await eventually(async () => namespaces(here.options).length === 2 + 6, 'namespaces of the living and of the pool');
    await eventually(
      async () => (await linkNames()).filter((name) => name.startsWith(prefixOf(here))).length === 1 + 4,
      'links of the living and of the pool',
    );
    await assert.rejects(next.attach({ containerId: 'late', spec: spec({ ports: [tcp(80, 8080)] }) }), /port is already allocated/);
    const fresh = await next.attach({ containerId: 'fresh', spec: spec() });
    assert.notEqual(addressOf(fresh), addressOf(kept));
    await using _far = await greeter(neighbour.namespace, 'TCP-LISTEN:80,fork');
    await eventually(async () => /^hello /.test(await ask('127.0.0.1', 7070)), "the other daemon's port");
    assert.notEqual(next.get('bridge').subnets[0]?.subnet, other.network.get('bridge').subnets[0]?.subnet);
  });

  test('host and none mode have no address, ids stay over restarts, and unknown names are refused', async () => {
    await using here = await place();
    await here.network.start([]);
    const host = await here.network.attach({ containerId: 'host', spec: spec({ networkMode: { kind: 'host' } }) });
    assert.equal(host.namespace, '');
    const none = await here.network.attach({ containerId: 'none', spec: spec({ networkMode: { kind: 'network', name: 'none' } }) });
    assert.deepEqual((await inside(none.namespace, 'ip', '-o', 'link')).split('\n').filter(Boolean).length, 1);
    assert.match(await inside(none.namespace, 'ip', '-o', 'address'), /127\.0\.0\.1/);
    const joined = await here.network.attach({ containerId: 'joined', spec: spec({ networkMode: { kind: 'container', id: 'none' } }) });
    assert.equal(joined.namespace, none.namespace);
    const ids = here.network.list().map(({ id, name }) => `${name} ${id}`);
    assert.deepEqual(
      (await here.again()).list().map(({ id, name }) => `${name} ${id}`),
      ids,
    );
    assert.equal(here.network.get(here.network.get('bridge').id.slice(0, 12)).name, 'bridge');
    assert.throws(
      () => here.network.get('nowhere'),
      (error) => isKind(error, 'notFound') && /network nowhere not found/.test(String(error)),
    );
  });

  test('attach() from a warm pool takes less than a millisecond, and a hundred at once all succeed', async () => {
    await using here = await place();
    await here.network.start([]);
    await clock.sleep(100);
    const times: number[] = [];
    for (let count = 0; count < 15; count += 1) {
      const begun = performance.now();
      await here.network.attach({ containerId: `warm${count}`, spec: spec() });
      times.push(performance.now() - begun);
      await clock.sleep(60);
      await here.network.detach(`warm${count}`);
    }
    const median = times.toSorted((a, b) => a - b)[7] ?? Number.POSITIVE_INFINITY;
    assert.ok(median < 1, `median of ${median} ms`);

    const begun = performance.now();
    const burst = Array.from({ length: 100 }, (_, index) => here.network.attach({ containerId: `burst${index}`, spec: spec() }));
    const addresses = new Set((await Promise.all(burst)).map(addressOf));
    const took = performance.now() - begun;
    assert.equal(addresses.size, 100);
    assert.ok(took < 2000, `${took} ms for 100`);
    await Promise.all(Array.from({ length: 100 }, (_, index) => here.network.detach(`burst${index}`)));
    await eventually(async () => namespaces(here.options).length <= 8 + 2, 'all gone but the pool');
    process.stdout.write(`# attach: median ${median.toFixed(2)} ms warm, 100 at once in ${took.toFixed(0)} ms\n`);
  });
}

const prefixOf = (here: Place) =>
  `g${(here.network.get('bridge').options['com.docker.network.bridge.name'] ?? '').replace('gantry-', '')}-`;
