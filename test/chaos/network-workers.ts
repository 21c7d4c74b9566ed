import assert from 'node:assert/strict';
import { lookUp } from '../../src/network/testing/look-up.ts';
import { EngineClient, type InspectedContainer, type Reply } from '../support/engine-client.ts';
import { eventually, type TestDaemon } from '../support/index.ts';
import type { Random } from '../support/random.ts';
import { inspectAll } from './reality.ts';

/** What replies have said of networks and who is on them: `unknown` is what was under way when the daemon was killed. */
export interface NetworkTally {
  networks: Map<string, boolean | 'unknown'>;
  /** By `network/container`. */
  joined: Map<string, boolean | 'unknown'>;
}

export const noNetworks = (): NetworkTally => ({ networks: new Map(), joined: new Map() });

const CONTAINERS = 3;

/** Containers for a worker on networks, running on `network`. Resolves to their names. */
export async function startMembers(socket: string, prefix: string, image: string, network = 'bridge'): Promise<string[]> {
  const client = new EngineClient(socket);
  const names = Array.from({ length: CONTAINERS }, (_, index) => `${prefix}-c${index}`);
  for (const name of names) {
    const body = { Image: image, Cmd: ['sleep', '1000'], StopSignal: 'SIGKILL', HostConfig: { NetworkMode: network } };
    await client.json('POST', `/containers/create?name=${name}`, body);
    await client.json('POST', `/containers/${name}/start`);
  }
  return names;
}

/** Makes networks, joins containers to them and takes them off, and removes networks, until the daemon is gone. */
export async function networkWorker(
  socket: string,
  prefix: string,
  names: readonly string[],
  tally: NetworkTally,
  random: Random,
): Promise<void> {
  const client = new EngineClient(socket);
  const tried = async (key: string, map: Map<string, boolean | 'unknown'>, reached: boolean, run: () => Promise<Reply>) => {
    const before = map.get(key);
    map.set(key, 'unknown');
    const { status, body } = await run();
    if (status === 403 || status === 409) return void (before === undefined ? map.delete(key) : map.set(key, before));
    // Someone may have deleted the bridge at this very moment.
    if (status === 500) return;
    assert.ok(status < 400, `${key} was refused with ${status}: ${body}`);
    map.set(key, reached);
  };
  try {
    for (let count = 0; ; count += 1) {
      const there = [...tally.networks].filter(([name, state]) => state === true && name.startsWith(prefix)).map(([name]) => name);
      const network = random.next() < 0.3 || there.length === 0 ? `${prefix}-n${count}` : random.pick(there);
      const container = random.pick(names);
      const key = `${network}/${container}`;
      const ground = `bridge/${container}`;
      if (random.next() < 0.15) {
        const on = tally.joined.get(ground) ?? true;
        if (on !== 'unknown')
          await tried(ground, tally.joined, !on, () =>
            client.call('POST', `/networks/bridge/${on ? 'disconnect' : 'connect'}`, { Container: container }),
          );
      } else if (!there.includes(network))
        await tried(network, tally.networks, true, () =>
          client.call('POST', '/networks/create', { Name: network, EnableIPv6: random.next() < 0.3, Internal: random.next() < 0.3 }),
        );
      else if (tally.joined.get(key) === true)
        await tried(key, tally.joined, false, () => client.call('POST', `/networks/${network}/disconnect`, { Container: container }));
      else if (tally.joined.get(key) !== 'unknown' && random.next() < 0.8)
        await tried(key, tally.joined, true, () => client.call('POST', `/networks/${network}/connect`, { Container: container }));
      else await tried(network, tally.networks, false, () => client.call('DELETE', `/networks/${network}`));
    }
  } catch (error) {
    if (!/ECONN|EPIPE|ENOENT|broke|hang up/.test(String(error))) throw error;
  }
}

/** Does harm to rules and links of the daemon, so that it is killed in the middle of mending too. */
export async function vandal(daemon: TestDaemon, random: Random, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const links =
      (await daemon.host.run('ip', ['-o', 'link'])).stdout.match(/^\d+: [^@:]+/gm)?.map((text) => text.replace(/^\d+: /, '')) ?? [];
    const ours = links.filter((name) => name !== 'lo' && name !== 'eth0');
    const link = ours.length > 0 ? random.pick(ours) : 'none';
    const [command, ...args] = random.pick([
      ['nft', 'flush', 'ruleset'],
      ['ip', 'link', 'del', link],
      ['ip', 'link', 'set', link, 'nomaster'],
      ['ip', 'link', 'set', link, 'down'],
      ['ip', 'address', 'flush', 'dev', link],
    ]);
    await daemon.host.run(command ?? '', args);
    await new Promise((resolve) => setTimeout(resolve, random.integer(200)));
  }
}

interface ListedNetwork {
  Id: string;
  Name: string;
  Driver: string;
}

/** Networks are what replies said, the kernel has their bridges and no others, and containers have the addresses and names that are told. */
export async function assertNetworks(daemon: TestDaemon, tally: NetworkTally): Promise<void> {
  const client = new EngineClient(daemon.socket);
  const listed = await client.json<ListedNetwork[]>('GET', '/networks');
  const names = new Set(listed.map(({ Name }) => Name));
  for (const [name, state] of tally.networks) if (state !== 'unknown') assert.equal(names.has(name), state, `network ${name}`);
  const made = listed.filter(({ Name }) => !['bridge', 'host', 'none'].includes(Name));
  const wanted = made.map(({ Id }) => `br-${Id.slice(0, 12)}`).sort();
  await eventually(`the bridges of ${wanted.length} networks and no others`, async () => {
    const { links, firewall } = await daemon.footprint();
    const guarded = /set bridges \{.*?\}/.exec(firewall.join(' '))?.[0] ?? '';
    const same = (some: readonly string[]) => some.join(' ') === wanted.join(' ');
    return same(links.filter((link) => link.startsWith('br-')).sort()) && same((guarded.match(/br-[0-9a-f]+/g) ?? []).sort());
  });
  for (const container of await inspectAll(daemon)) if (container.State.Running) await assertJoined(daemon, container, tally);
}

async function assertJoined(daemon: TestDaemon, { Name, NetworkSettings }: InspectedContainer, tally: NetworkTally): Promise<void> {
  const name = Name.slice(1);
  const { Networks, SandboxKey } = NetworkSettings;
  for (const [key, state] of tally.joined) {
    const [network = '', container] = key.split('/');
    if (container === name && state !== 'unknown') assert.equal(Object.hasOwn(Networks, network), state, key);
  }
  if (SandboxKey === '') return;
  const told = Object.values(Networks)
    .map(({ IPAddress }) => IPAddress)
    .filter(Boolean)
    .sort();
  const inside = async (...command: string[]) => (await daemon.host.run('nsenter', [`--net=${SandboxKey}`, 'ip', '-4', ...command])).stdout;
  const present = async () =>
    [...(await inside('-o', 'address', 'show', 'scope', 'global')).matchAll(/inet ([\d.]+)\//g)].map((match) => match[1] ?? '').sort();
  await eventually(`${name} to have the addresses ${told}`, async () => (await present()).join() === told.join());
  if (Object.values(Networks).some(({ Gateway }) => Gateway))
    await eventually(`${name} to have a way out`, async () => (await inside('route')).startsWith('default via '));
  const first = Object.entries(Networks).find(([network]) => network !== 'bridge' && network !== 'none')?.[1].IPAddress;
  if (first) assert.ok(told.includes((await lookUp(SandboxKey, name)).answers[0] ?? 'no answer'), `${name} finds itself`);
}
