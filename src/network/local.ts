import { allDone, type Clock, denied, describe, GantryError, invalid, type Log, notFound } from '../base/index.ts';
import type { ContainerSpec, EndpointRequest, EndpointState, NetworkRecord, NetworkRequest } from '../model/index.ts';
import type { Covered } from './coverage.ts';
import type { Firewall } from './firewall/index.ts';
import { watchRules } from './firewall/watch.ts';
import { dropEndpoint, type Held, route, setPorts } from './held.ts';
import { dnsNamesOf, isPrivate, wantedNetworks, wishFor } from './joining.ts';
import { hostsText, type NameDefaults, type NameSources, resolverText, wishesOrDefaults } from './names/index.ts';
import { closeAll, type Naming } from './naming.ts';
import type { Attachment, AttachRequest, DriftCounts, HostEntry, Network } from './network.ts';
import type { Plugging } from './plugging.ts';
import type { Namespaces } from './pool/namespaces.ts';
import type { Publisher } from './ports/index.ts';
import type { PortReach, ReachSubject } from './reach/words.ts';
import { type Records, resolveNetwork } from './records.ts';
import type { UserNetworks } from './user-networks.ts';
import { type Sweep, watchKernel } from './watch.ts';

/** What is there once the kernel has been prepared. */
interface Prepared {
  namespaces: Namespaces;
  plugging: Plugging;
  firewall: Firewall;
  sweep: Sweep;
}

export interface LocalNetworkParts {
  records: Records;
  users: UserNetworks;
  clock: Clock;
  log: Log;
  publisher: Publisher;
  nameSources: NameSources;
  nameDefaults: NameDefaults;
  /** What `host-gateway` means in extra hosts; the address of the default bridge when absent. */
  hostGateway?: string;
  naming: Naming;
  /** What it makes for the daemon's own use goes onto `undo`. */
  prepare(attachments: readonly Attachment[], undo: AsyncDisposableStack): Promise<Prepared>;
}

/** Where a container lives, after names and defaults are resolved. */
type Place = 'bridge' | 'host' | 'none' | 'made' | { container: string };

/** The `Network` of one host: see there for its promises. */
export class LocalNetwork implements Network {
  readonly #parts: LocalNetworkParts;
  readonly #stop = new AbortController();
  readonly #undo = new AsyncDisposableStack();
  #prepared: Prepared | undefined;
  #held = new Map<string, Held>();
  readonly #troubleListeners = new Set<(network: NetworkRecord, sentence: string) => void>();

  constructor(parts: LocalNetworkParts) {
    this.#parts = parts;
  }

  async start(attachments: readonly Attachment[], sockets: ReadonlyMap<string, readonly number[]> = new Map()): Promise<void> {
    const { clock, log, publisher, naming } = this.#parts;
    const prepared = await this.#parts.prepare(attachments, this.#undo);
    publisher.start(prepared.firewall);
    for (const attachment of attachments) {
      const held = prepared.plugging.adopt(attachment);
      if (!held) continue;
      this.#held.set(attachment.containerId, held);
      await publisher.adopt(attachment);
    }
    const held = [...this.#held.values()];
    prepared.firewall.setNetworks(this.#parts.users.guarded());
    await Promise.all([
      prepared.firewall.install(publisher.forwardings()),
      prepared.namespaces.removeStrangers(
        held.flatMap(({ member }) => (member ? [member] : [])),
        held.flatMap(({ plugs }) => [...plugs.values()].map(({ plug }) => plug.link)),
      ),
    ]);
    this.#prepared = prepared;
    watchRules(prepared.firewall, this.#stop.signal, clock, log);
    const living = () => prepared.plugging.living(this.#held.values());
    const watch = { sweep: prepared.sweep, living, tell: (covered: Covered) => this.#tellTrouble(covered) };
    await watchKernel(watch, this.#stop.signal, clock, log);
    prepared.namespaces.fill();
    for (const one of held) naming.tell(one);
    await Promise.all(held.map((one) => naming.answerAgain(one, sockets.get(one.attachment.containerId))));
    for (const [id, left] of sockets) if (!this.#held.has(id)) closeAll(left);
    // Other engines' chains are seldom there and slow to list: containers that live are connected already.
    void prepared.firewall
      .acceptElsewhere()
      .catch((error) => log.error('Could not look for chains that drop our traffic', { error: describe(error) }));
  }

  list(): NetworkRecord[] {
    return structuredClone(this.#all());
  }

  #all(): NetworkRecord[] {
    const { bridge, host, none } = this.#parts.records;
    return [bridge, host, none, ...this.#parts.users.list()];
  }

  create(request: NetworkRequest): Promise<NetworkRecord> {
    this.#ready();
    return this.#parts.users.create(request);
  }

  async remove(reference: string): Promise<NetworkRecord> {
    this.#ready();
    return await this.#parts.users.remove(this.get(reference));
  }

  get drift(): DriftCounts {
    const { firewall, sweep } = this.#ready();
    return { rules: firewall.drift, links: sweep.drift.links, sysctls: sweep.drift.sysctls };
  }

  onTrouble(listener: (network: NetworkRecord, sentence: string) => void): () => void {
    this.#troubleListeners.add(listener);
    return () => this.#troubleListeners.delete(listener);
  }

  get(reference: string): NetworkRecord {
    return structuredClone(resolveNetwork(this.#all(), reference));
  }

  async reach(subjects: readonly ReachSubject[]): Promise<PortReach[]> {
    this.#ready();
    const { reachNow } = await import('./reach/now.ts');
    return await reachNow(subjects, this.#parts.records, this.#parts.users);
  }

  attachments(): ReadonlyMap<string, Attachment> {
    return new Map([...this.#held].map(([id, { attachment }]) => [id, attachment]));
  }

  async attach(request: AttachRequest, signal?: AbortSignal): Promise<Attachment> {
    const present = this.#held.get(request.containerId);
    if (present) return present.attachment;
    const { plugging } = this.#ready();
    const place = this.#placeOf(request.spec);
    if (typeof place === 'object') return this.#join(request.containerId, place.container);
    const held =
      place === 'host'
        ? plugging.onHost(request)
        : place === 'none'
          ? await plugging.alone(request, signal)
          : await this.#onNetworks(request, signal);
    this.#held.set(request.containerId, held);
    this.#parts.naming.tell(held);
    return held.attachment;
  }

  async connect(request: AttachRequest, reference: string, wish: EndpointRequest): Promise<Attachment> {
    const held = this.#held.get(request.containerId);
    if (!held) throw notFound(`container ${request.name ?? request.containerId} has no network to add to: it is not running`);
    const record = this.get(reference);
    if (isPrivate(held.attachment))
      throw invalid('container cannot be connected to multiple networks with one of the networks in private (none) mode');
    if (record.driver === 'host' || record.driver === 'null')
      throw invalid(`container cannot be disconnected from or connected to the ${record.name} network`);
    const known = held.attachment.endpoints.some(({ networkId }) => networkId === record.id);
    if (known) throw denied(`endpoint with name ${request.name ?? request.containerId} already exists in network ${record.name}`);
    await using undo = new AsyncDisposableStack();
    await this.#ready().plugging.plug(held, record, request, wish, undo);
    await route(held);
    setPorts(held, await this.#parts.publisher.follow(held.attachment, request));
    if (held.plugs.size > 0) await this.#parts.naming.answer(held);
    undo.move();
    this.#parts.naming.tell(held);
    return held.attachment;
  }

  async disconnect(containerId: string, reference: string): Promise<EndpointState | undefined> {
    const held = this.#held.get(containerId);
    const record = this.get(reference);
    const endpoint = held?.attachment.endpoints.find(({ networkId }) => networkId === record.id);
    if (!held || !endpoint) return undefined;
    // Nobody is told of an address from here on.
    dropEndpoint(held, record.id);
    this.#parts.naming.tell(held);
    const joined = held.plugs.get(record.id);
    held.plugs.delete(record.id);
    const owner = { containerId, name: endpoint.dnsNames?.[0] ?? containerId.slice(0, 12) };
    setPorts(held, await this.#parts.publisher.follow(held.attachment, owner));
    await this.#ready().plugging.unplug(held, joined);
    await route(held);
    return endpoint;
  }

  async takeOver(request: AttachRequest, from: string | undefined): Promise<Attachment> {
    const held = this.#held.get(request.containerId);
    if (!held) throw notFound(`container ${request.name ?? request.containerId} has no network: it is not running`);
    const old = from === undefined ? undefined : this.#held.get(from);
    setPorts(held, await this.#parts.publisher.pass(held.attachment, request, from));
    if (old) setPorts(old, []);
    // The new one is known before the old one is forgotten: there is an answer at every moment.
    this.#parts.naming.rename(held, ({ networkName }) => dnsNamesOf(request, wishFor(request.spec, networkName)));
    if (old) this.#parts.naming.rename(old, () => []);
    return held.attachment;
  }

  hide(containerId: string): Attachment | undefined {
    const held = this.#held.get(containerId);
    if (held) this.#parts.naming.rename(held, () => []);
    return held?.attachment;
  }

  async detach(containerId: string): Promise<void> {
    const held = this.#held.get(containerId);
    if (!held) return;
    this.#held.delete(containerId);
    this.#parts.naming.forget(containerId);
    try {
      await this.#parts.publisher.unpublish(containerId);
    } finally {
      this.#ready().plugging.discard(held);
    }
  }

  rename(request: AttachRequest): Attachment | undefined {
    const held = this.#held.get(request.containerId);
    // One that stands by, or was relieved, is found by no name.
    const namesOn = ({ networkName, dnsNames = [] }: EndpointState) =>
      dnsNames.length === 0 ? [] : dnsNamesOf(request, wishFor(request.spec, networkName));
    if (held) this.#parts.naming.rename(held, namesOn);
    return held?.attachment;
  }

  resolverFile(spec: ContainerSpec, attachment: Attachment | undefined): Promise<string> {
    const found = attachment?.endpoints.some(({ networkId }) => this.#parts.users.segment(networkId)) ?? false;
    const service = found ? 'resolver' : this.#placeOf(spec) === 'host' ? 'host' : 'servers';
    return resolverText(wishesOrDefaults(spec, this.#parts.nameDefaults), service, this.#parts.nameSources);
  }

  hostsFile(spec: ContainerSpec, attachment: Attachment | undefined, hostname: string, others: readonly HostEntry[]): Promise<string> {
    const hostGateway = this.#parts.hostGateway ?? this.#parts.records.bridge.subnets[0]?.gateway ?? '';
    return hostsText(spec, attachment, hostname, others, {
      hostMode: this.#placeOf(spec) === 'host',
      hostGateway,
      sources: this.#parts.nameSources,
    });
  }

  /** Watchers and sockets of the daemon go; what containers have stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#parts.naming.close();
    await this.#parts.publisher.close();
    await this.#undo.disposeAsync();
  }

  #ready(): Prepared {
    if (!this.#prepared) throw new GantryError('unavailable', 'The network has not been started yet');
    return this.#prepared;
  }

  #placeOf({ networkMode, networkDisabled }: ContainerSpec): Place {
    if (networkDisabled) return 'none';
    if (networkMode.kind === 'container') return { container: networkMode.id };
    if (networkMode.kind !== 'network') return networkMode.kind;
    const { driver, name } = this.get(networkMode.name);
    return driver === 'null' ? 'none' : driver === 'host' ? 'host' : name === 'bridge' ? 'bridge' : 'made';
  }

  #join(containerId: string, other: string): Attachment {
    const owner = this.#held.get(other);
    if (!owner) throw notFound(`cannot join the network of container ${other}: it has none, for it is not running`);
    return { containerId, namespace: owner.attachment.namespace, endpoints: [], publishedPorts: [] };
  }

  async #onNetworks(request: AttachRequest, signal?: AbortSignal): Promise<Held> {
    const { publisher, naming } = this.#parts;
    const { plugging } = this.#ready();
    await using undo = new AsyncDisposableStack();
    const wanted = wantedNetworks(request.spec, (reference) => this.get(reference));
    const held = await plugging.settle(request, wanted, undo, signal);
    undo.defer(() => naming.stopAnswering(request.containerId));
    const hasDiscovery = wanted.some(({ record }) => record.name !== 'bridge');
    await allDone([plugging.join(held, request, wanted, undo), hasDiscovery ? naming.answer(held) : undefined]);
    undo.defer(() => publisher.unpublish(request.containerId));
    if (!request.standby) setPorts(held, await publisher.publish(held.attachment, request));
    signal?.throwIfAborted();
    undo.move();
    return held;
  }

  #tellTrouble({ network, sentence }: Covered): void {
    this.#parts.log.warn(sentence, { network: network.name });
    for (const listener of this.#troubleListeners) listener(structuredClone(network), sentence);
  }
}
