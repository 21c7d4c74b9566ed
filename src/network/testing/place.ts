import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readdirSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { randomIds, silentLog, systemClock } from '../../base/index.ts';
import { netlink, removeTree, run, spawn } from '../../host/index.ts';
import type { ContainerSpec, NetworkRequest, PortRequest } from '../../model/index.ts';
import { memoryStore, type Store } from '../../store/index.ts';
import { type Attachment, createNetwork, type Network, type NetworkOptions } from '../index.ts';
import { deriveNames } from '../settings.ts';

/** What tests of the room share: network namespaces of their own, containers in them, and servers to talk to. */
const INSIDE = 'GANTRY_TEST_IN_OWN_NETWORK';
export const clock = systemClock();

/** Runs the tests of `file` in a network namespace of their own: the file runs itself once more inside a new one. */
export async function inOwnNetwork(file: string, tests: () => void): Promise<void> {
  if (process.env[INSIDE] !== undefined) {
    await run('ip', ['link', 'set', 'lo', 'up']);
    tests();
    return;
  }
  test(`${path.basename(file)} in a network namespace of its own`, { timeout: 120_000 }, async () => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env as Record<string, string>;
    const result = await run('unshare', ['--net', process.execPath, '--disable-warning=ExperimentalWarning', file], {
      env: { ...env, [INSIDE]: '1' },
      allowFailure: true,
      timeout: 110_000,
    });
    assert.equal(result.code, 0, result.stdout + result.stderr);
  });
}

export interface Place extends AsyncDisposable {
  network: Network;
  options: NetworkOptions;
  store: Store;
  /** Another daemon on the same roots, as after a kill or a restart. */
  again(changes?: Partial<NetworkOptions>): Promise<Network>;
}

/** A network on roots of its own, which are taken away at the end with everything that is in the kernel. */
export async function place(more: Partial<NetworkOptions> = {}): Promise<Place> {
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
  const again = async (changes: Partial<NetworkOptions> = {}) => {
    const network = await createNetwork({ ...options, ...changes });
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
      const bridges = network.list().flatMap(({ driver, id }) => (driver === 'bridge' ? [`br-${id.slice(0, 12)}`] : []));
      for (const name of [bridge, ...bridges]) if (name) await run('ip', ['link', 'del', name], { allowFailure: true });
      await removeGate(options);
      await run('nft', ['flush', 'ruleset']);
      await removeTree(tmpdir(), root);
    },
  };
}

/** What is left of ports with the policy `host`, for the next daemon to take away. */
async function removeGate({ dataRoot, execRoot }: NetworkOptions): Promise<void> {
  const { out, back, routes } = deriveNames(dataRoot, execRoot).gate;
  const { code } = await run('ip', ['link', 'del', out], { allowFailure: true });
  if (code !== 0) return;
  for (const family of ['-4', '-6'])
    for (const rule of [
      ['iif', back],
      ['lookup', String(routes)],
    ])
      await run('ip', [family, 'rule', 'del', ...rule]);
}

export const namespaces = ({ execRoot }: NetworkOptions) => {
  const folder = path.join(execRoot, 'netns');
  return readdirSync(folder).map((name) => path.join(folder, name));
};

export function spec(more: Partial<ContainerSpec> = {}): ContainerSpec {
  const plain = { networkMode: { kind: 'bridge' }, networkDisabled: false, domainname: '', publishAll: false };
  const lists = { ports: [], exposedPorts: [], dnsServers: [], dnsSearch: [], dnsOptions: [], extraHosts: [], links: [], endpoints: {} };
  return { ...plain, ...lists, ...more } as unknown as ContainerSpec;
}

/** A network that people make, with `more` in place of the defaults. */
export const networkRequest = (name: string, more: Partial<NetworkRequest> = {}): NetworkRequest => ({
  name,
  driver: 'bridge',
  internal: false,
  attachable: false,
  labels: {},
  options: {},
  ipamDriver: 'default',
  ipamOptions: null,
  subnets: [],
  ...more,
});

export const tcp = (containerPort: number, hostPort?: number, hostAddress = ''): PortRequest => ({
  containerPort,
  protocol: 'tcp',
  hostAddress,
  ...(hostPort === undefined ? {} : { hostPorts: { from: hostPort, to: hostPort } }),
});

export const addressOf = (attachment: Attachment) => attachment.endpoints[0]?.ipv4Address ?? '';

/** Runs in the namespace; resolves to what it printed. */
export async function inside(namespace: string, command: string, ...args: string[]): Promise<string> {
  const { stdout } = await run('nsenter', [`--net=${namespace}`, command, ...args], { timeout: 10_000 });
  return stdout;
}

/** A server in the namespace that tells each client its address. Stops when disposed. */
export async function greeter(namespace: string, listen: string): Promise<AsyncDisposable> {
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
export async function ask(host: string, port: number): Promise<string> {
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
export async function askByDatagram(host: string, port: number, from: number): Promise<string> {
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
export async function eventually(holds: () => Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 40; tries += 1) {
    if (await holds()) return;
    await clock.sleep(50);
  }
  assert.fail(`not within two seconds: ${what}`);
}

export const linkNames = async () =>
  (await run('ip', ['-o', 'link'])).stdout.split('\n').flatMap((line) => /^\d+: ([^@:]+)/.exec(line)?.[1] ?? []);

/** A dual-stack network of one's own name, with these addresses. */
export const dualStack = (name: string, four: string, six: string) => ({
  name,
  driver: 'bridge',
  enableIPv6: true,
  internal: false,
  attachable: false,
  labels: {},
  options: {},
  ipamDriver: 'default',
  ipamOptions: null,
  subnets: [four, six].map((subnet) => ({ subnet, gateway: '', ipRange: '', auxiliaryAddresses: {} })),
});

/**
 * A machine on the wire of this host: here `10.99.0.1` and `fd99::1`, there `10.99.0.2` and `fd99::2`, and `203.0.113.7` behind it, which is
 * no neighbour of the host. Resolves to its namespace; gone when disposed.
 */
export async function machineOutside(here: Place): Promise<{ namespace: string } & AsyncDisposable> {
  const namespace = path.join(here.options.execRoot, 'netns', 'outside');
  netlink.makeNamespace(namespace, () => {});
  await run('ip', ['link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace]);
  await run('ip', ['-batch', '-'], {
    input: 'addr add 10.99.0.1/24 dev up0\naddr add fd99::1/64 dev up0 nodad\nlink set up0 up\nroute add 203.0.113.0/24 via 10.99.0.2\n',
  });
  await run('nsenter', [`--net=${namespace}`, 'ip', '-batch', '-'], {
    input:
      'link set lo up\nlink set eth0 up\naddr add 10.99.0.2/24 dev eth0\naddr add fd99::2/64 dev eth0 nodad\naddr add 203.0.113.7/32 dev eth0\nroute add 172.16.0.0/12 via 10.99.0.1\n',
  });
  return {
    namespace,
    async [Symbol.asyncDispose]() {
      await run('ip', ['link', 'del', 'up0'], { allowFailure: true });
    },
  };
}

/** How the links of this daemon begin. */
export const prefixOf = (here: Place) =>
  `g${(here.network.get('bridge').options['com.docker.network.bridge.name'] ?? '').replace('gantry-', '')}-`;
