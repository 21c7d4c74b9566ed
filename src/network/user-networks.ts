import { allDone, type Clock, denied, describe, GantryError, type Ids, KeyedQueue, type Log, notFound } from '../base/index.ts';
import { netlink } from '../host/index.ts';
import { type NetworkRecord, type NetworkRequest, PREDEFINED_NETWORKS } from '../model/index.ts';
import type { Store } from '../store/index.ts';
import { type AddressPool, DEFAULT_POOLS } from './addresses/index.ts';
import { defineNetwork } from './define/define.ts';
import { readTaken } from './define/taken.ts';
import type { Firewall, GuardedNetwork } from './firewall/index.ts';
import { dropRecord, type Records, saveRecord } from './records.ts';
import { BridgeSegment, type SegmentParts } from './segments/bridge.ts';
import { ParentSegment } from './segments/macvlan.ts';
import type { Segment } from './segments/segment.ts';

export interface UserNetworksOptions {
  records: Records;
  store: Store;
  clock: Clock;
  ids: Ids;
  log: Log;
  pools: readonly AddressPool[];
  linkPrefix: string;
}

export interface KernelParts {
  socket: netlink.NetlinkSocket;
  firewall: Firewall;
  /** Bytes. */
  uplinkMtu: number;
  /** The default bridge, which is not ours to make. */
  ground: GuardedNetwork;
}

/** The networks that people made: rows, their life in the kernel, and who is on them. */
export class UserNetworks {
  readonly #options: UserNetworksOptions;
  readonly #segments = new Map<string, Segment>();
  /** Containers that are on a network or about to be, by its id: names by container id. */
  readonly #members = new Map<string, Map<string, string>>();
  /** Ports that the world reaches untranslated, by container id. */
  readonly #open = new Map<string, GuardedNetwork['open']>();
  readonly #queue = new KeyedQueue();
  #kernel: KernelParts | undefined;

  constructor(options: UserNetworksOptions) {
    this.#options = options;
  }

  /** Makes the kernel equal to the rows, and finishes what was cut short. One network that cannot be leaves the others alone. */
  async start(kernel: KernelParts): Promise<void> {
    const { records, log, store } = this.#options;
    this.#kernel = kernel;
    const devices = await netlink.readDevices(kernel.socket);
    for (const record of [...records.made]) {
      try {
        const segment = this.#segmentOf(record);
        if (record.intent === undefined) {
          this.#segments.set(record.id, segment);
          await segment.ensure(devices);
          continue;
        }
        await segment.destroy();
        records.made = records.made.filter(({ id }) => id !== record.id);
        await dropRecord(store, record.id);
      } catch (error) {
        log.error('A network could not be set up: its containers cannot start', { network: record.name, error: describe(error) });
      }
    }
  }

  list(): NetworkRecord[] {
    return this.#options.records.made;
  }

  segment(id: string): Segment | undefined {
    return this.#segments.get(id);
  }

  segments(): Segment[] {
    return [...this.#segments.values()];
  }

  get bridges(): BridgeSegment[] {
    return this.segments().filter((segment) => segment instanceof BridgeSegment);
  }

  /** Everything that the rules are about, the default bridge first. */
  guarded(): GuardedNetwork[] {
    const { ground } = this.#ready();
    const openOf = (id: string) => [...(this.#members.get(id)?.keys() ?? [])].flatMap((container) => this.#open.get(container) ?? []);
    return [ground, ...this.bridges.map((segment) => segment.guarded(openOf(segment.record.id)))];
  }

  async create(request: NetworkRequest): Promise<NetworkRecord> {
    const { ids, clock, store } = this.#options;
    const { firewall } = this.#ready();
    return await this.#queue.run('networks', async () => {
      const id = ids.next();
      await using undo = new AsyncDisposableStack();
      const record = await this.#define(request, id, clock.timestamp());
      const segment = this.#segmentOf(record);
      if (segment instanceof BridgeSegment) await segment.refuseTaken();
      await store.create('network', id, { ...record, intent: 'create' });
      undo.defer(() => dropRecord(store, id));
      undo.defer(() => segment.destroy());
      await segment.ensure();
      this.#segments.set(id, segment);
      undo.defer(() => void this.#segments.delete(id));
      if (segment instanceof BridgeSegment) {
        undo.defer(() => firewall.guard(this.guarded()));
        await firewall.guard(this.guarded());
        void firewall
          .acceptElsewhere()
          .catch((error) => this.#options.log.error('Could not look for chains that drop our traffic', { error: describe(error) }));
      }
      await saveRecord(store, record);
      this.#options.records.made.push(record);
      undo.move();
      return structuredClone(record);
    });
  }

  async #define(request: NetworkRequest, id: string, createdAt: string): Promise<NetworkRecord> {
    const { records, pools, ids } = this.#options;
    const { socket, ground } = this.#ready();
    const own = new Set([ground.bridge, ...this.bridges.map(({ bridge }) => bridge)]);
    const networks = [records.bridge, ...records.made];
    const taken = await readTaken(socket, networks, own);
    const usual = pools.length > 0 ? pools : DEFAULT_POOLS;
    const randomBits = () => BigInt(`0x${ids.next().slice(0, 10)}`);
    return { id, createdAt, ...defineNetwork(request, { networks, taken, pools: usual, randomBits }) };
  }

  remove(record: NetworkRecord): Promise<NetworkRecord> {
    const { records, store } = this.#options;
    if (PREDEFINED_NETWORKS.includes(record.name)) throw denied(`${record.name} is a pre-defined network and cannot be removed`);
    return this.#queue.run('networks', async () => {
      const found = records.made.find(({ id }) => id === record.id);
      if (!found) throw notFound(`network ${record.name} not found`);
      const users = [...(this.#members.get(record.id) ?? [])];
      if (users.length > 0) {
        const list = users.slice(0, 10).map(([id, name]) => `name:"${name}" id:"${id.slice(0, 12)}"`);
        const rest = users.length > list.length ? ` and ${users.length - list.length} more` : '';
        throw denied(
          `error while removing network: network ${record.name} has active endpoints (${list.join(', ')}${rest})`,
          `gantry network disconnect ${record.name} NAME takes a container off it.`,
        );
      }
      const segment = this.#segments.get(record.id) ?? this.#segmentOf(found);
      // From here on nobody may join; whoever asks is told that it is not there.
      this.#segments.delete(record.id);
      records.made = records.made.filter(({ id }) => id !== record.id);
      try {
        await saveRecord(store, { ...found, intent: 'remove' });
        // The kernel takes a grace period to delete a bridge: the rules go meanwhile.
        await allDone([segment.destroy(), this.#guardFor(segment)]);
      } catch (error) {
        records.made.push(found);
        this.#segments.set(record.id, segment);
        await saveRecord(store, found);
        await this.#guardFor(segment);
        throw error;
      }
      if (segment instanceof BridgeSegment) {
        void this.#ready()
          .firewall.forget(segment.bridge)
          .catch((error) => this.#options.log.warn('Could not take our rules out of the chains of others', { error: describe(error) }));
      }
      await dropRecord(store, record.id);
      return structuredClone(found);
    });
  }

  /** Has the rules fit the networks that there are now, if they depend on this one. */
  async #guardFor(segment: Segment): Promise<void> {
    if (segment instanceof BridgeSegment) await this.#ready().firewall.guard(this.guarded());
  }

  /** Keeps the network from being removed while the container is on it. Returns the way to let go. Fails with `notFound` when it is gone. */
  hold(record: NetworkRecord, containerId: string, name: string): () => void {
    if (!this.#segments.has(record.id)) throw notFound(`network ${record.name} not found`);
    const members = this.#members.get(record.id) ?? new Map<string, string>();
    this.#members.set(record.id, members);
    members.set(containerId, name);
    return () => {
      members.delete(containerId);
    };
  }

  /** Sets which ports of a container are reached untranslated, without telling the firewall yet. Whether that is news. */
  noteOpen(containerId: string, open: GuardedNetwork['open']): boolean {
    if (open.length === 0) return this.#open.delete(containerId);
    this.#open.set(containerId, open);
    return true;
  }

  async setOpen(containerId: string, open: GuardedNetwork['open']): Promise<void> {
    if (this.noteOpen(containerId, open)) await this.#ready().firewall.guard(this.guarded());
  }

  #ready(): KernelParts {
    if (!this.#kernel) throw new GantryError('unavailable', 'The network has not been started yet');
    return this.#kernel;
  }

  #segmentOf(record: NetworkRecord): Segment {
    const { ids, log, linkPrefix } = this.#options;
    const { socket, uplinkMtu } = this.#ready();
    const parts: SegmentParts = { socket, ids, log, linkPrefix, mtu: uplinkMtu };
    return record.driver === 'bridge' ? new BridgeSegment(record, parts) : new ParentSegment(record, parts);
  }
}
