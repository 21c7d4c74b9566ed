import { type Clock, denied, describe, GantryError, type Ids, invalid, isKind, type Log, notFound } from '../base/index.ts';
import type { netlink } from '../host/index.ts';
import {
  blankEndpoint,
  type ContainerSpec,
  type EndpointRequest,
  type EndpointState,
  type NetworkRecord,
  type NetworkRequest,
  type PublishedPort,
} from '../model/index.ts';
import { formatAddress } from './addresses/index.ts';
import type { Bridge } from './bridge/bridge.ts';
import type { Ground } from './bridge/ground.ts';
import type { Covered } from './coverage.ts';
import type { Directory } from './directory.ts';
import type { Firewall } from './firewall/index.ts';
import { watchRules } from './firewall/watch.ts';
import { dnsNamesOf, freeDevice, isPrivate, wantedNetworks, wishFor } from './joining.ts';
import { hostsText, type NameSources, resolverText } from './names/index.ts';
import type { Attachment, AttachRequest, DriftCounts, HostEntry, Network } from './network.ts';
import type { Member } from './pool/member.ts';
import type { Namespaces } from './pool/namespaces.ts';
import type { Publisher } from './ports/index.ts';
import type { PortReach, ReachSubject } from './reach/words.ts';
import { type Records, resolveNetwork } from './records.ts';
import type { Resolver } from './resolver/resolver.ts';
import { chooseGateways, DEVICE_OPTION, setDefaultRoutes } from './segments/inside.ts';
import { removeInside } from './segments/macvlan.ts';
import type { Plug } from './segments/segment.ts';
import type { UserNetworks } from './user-networks.ts';
import { type Living, type Sweep, watchKernel } from './watch.ts';

/** What is there once the kernel has been prepared. */
interface Prepared {
  bridge: Bridge;
  ground: Ground;
  namespaces: Namespaces;
  firewall: Firewall;
  socket: netlink.NetlinkSocket;
  sweep: Sweep;
}

export interface LocalNetworkParts {
  records: Records;
  users: UserNetworks;
  clock: Clock;
  ids: Ids;
  log: Log;
  publisher: Publisher;
  nameSources: NameSources;
  directory: Directory;
  resolver: Resolver;
  /** What it makes for the daemon's own use goes onto `undo`. */
  prepare(attachments: readonly Attachment[], undo: AsyncDisposableStack): Promise<Prepared>;
}

/** One attached container: what others may know, and what is needed to let go of it. */
interface Held {
  attachment: Attachment;
  member?: Member;
  /** Interfaces on networks that people made, by network id, and the ways to let go of these networks. */
  plugs: Map<string, { plug: Plug; letGo: () => void }>;
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

  async start(attachments: readonly Attachment[]): Promise<void> {
    const { clock, log, publisher } = this.#parts;
    const prepared = await this.#parts.prepare(attachments, this.#undo);
    publisher.start(prepared.firewall);
    for (const attachment of attachments) await this.#adopt(prepared, attachment);
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
    const watch = { sweep: prepared.sweep, living: () => this.#living(), tell: (covered: Covered) => this.#tellTrouble(covered) };
    await prepared.sweep.devices(watch.living).catch((error) => log.error('Could not check links', { error: describe(error) }));
    for (const covered of await prepared.sweep.routes()) watch.tell(covered);
    watchKernel(watch, this.#stop.signal, clock, log);
    prepared.namespaces.fill();
    for (const one of held) this.#tellNames(one);
    await Promise.all(held.map((one) => this.#answerAgain(one)));
    // Other engines' chains are seldom there and slow to list: containers that live are connected already.
    void prepared.firewall
      .acceptElsewhere()
      .catch((error) => log.error('Could not look for chains that drop our traffic', { error: describe(error) }));
  }

  list(): NetworkRecord[] {
    const { bridge, host, none } = this.#parts.records;
    return structuredClone([bridge, host, none, ...this.#parts.users.list()]);
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
    return resolveNetwork(this.list(), reference);
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
    const place = this.#placeOf(request.spec);
    if (typeof place === 'object') return this.#join(request.containerId, place.container);
    const held =
      place === 'host'
        ? this.#onHost(request)
        : place === 'none'
          ? await this.#alone(request, signal)
          : await this.#onNetworks(request, signal);
    this.#held.set(request.containerId, held);
    this.#tellNames(held);
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
    if (record.name === 'bridge') await this.#plugDefault(held, wish, undo);
    else await this.#plug(held, record, request, wish, undo);
    await this.#route(held);
    this.#setPorts(held, await this.#parts.publisher.follow(held.attachment, request));
    await this.#answer(held);
    undo.move();
    this.#tellNames(held);
    return held.attachment;
  }

  async disconnect(containerId: string, reference: string): Promise<EndpointState | undefined> {
    const held = this.#held.get(containerId);
    const record = this.get(reference);
    const endpoint = held?.attachment.endpoints.find(({ networkId }) => networkId === record.id);
    if (!held || !endpoint) return undefined;
    // Nobody is told of an address from here on.
    held.attachment = { ...held.attachment, endpoints: held.attachment.endpoints.filter((other) => other !== endpoint) };
    this.#tellNames(held);
    const joined = held.plugs.get(record.id);
    held.plugs.delete(record.id);
    this.#setPorts(
      held,
      await this.#parts.publisher.follow(held.attachment, { containerId, name: endpoint.dnsNames?.[0] ?? containerId.slice(0, 12) }),
    );
    if (joined) {
      await this.#unplug(held, joined.plug);
      joined.letGo();
    } else if (held.member) await this.#ready().namespaces.unplug(held.member);
    await this.#route(held);
    return endpoint;
  }

  async takeOver(request: AttachRequest, from: string | undefined): Promise<Attachment> {
    const held = this.#held.get(request.containerId);
    if (!held) throw notFound(`container ${request.name ?? request.containerId} has no network: it is not running`);
    const old = from === undefined ? undefined : this.#held.get(from);
    this.#setPorts(held, await this.#parts.publisher.pass(held.attachment, request, from));
    if (old) this.#setPorts(old, []);
    // The new one is known before the old one is forgotten: there is an answer at every moment.
    this.#rename(held, ({ networkName }) => dnsNamesOf(request, wishFor(request.spec, networkName)));
    if (old) this.#rename(old, () => []);
    return held.attachment;
  }

  async detach(containerId: string): Promise<void> {
    const held = this.#held.get(containerId);
    if (!held) return;
    this.#held.delete(containerId);
    this.#parts.directory.set(containerId, []);
    this.#parts.resolver.close(containerId);
    const { namespaces } = this.#ready();
    try {
      await this.#parts.publisher.unpublish(containerId);
    } finally {
      const plugs = [...held.plugs.values()];
      const gone = () => {
        for (const { plug, letGo } of plugs) {
          plug.release();
          letGo();
        }
      };
      // Who removes a network right after its last container must not be told that it is in use.
      for (const { letGo } of plugs) letGo();
      if (held.member) namespaces.discard(held.member, { links: plugs.flatMap(({ plug }) => (plug.link ? [plug.link] : [])), gone });
    }
  }

  rename(request: AttachRequest): Attachment | undefined {
    const held = this.#held.get(request.containerId);
    // One that stands by, or was relieved, is found by no name.
    const namesOn = ({ networkName, dnsNames = [] }: EndpointState) =>
      dnsNames.length === 0 ? [] : dnsNamesOf(request, wishFor(request.spec, networkName));
    if (held) this.#rename(held, namesOn);
    return held?.attachment;
  }

  resolverFile(spec: ContainerSpec, attachment: Attachment | undefined): Promise<string> {
    const found = attachment?.endpoints.some(({ networkId }) => this.#parts.users.segment(networkId)) ?? false;
    const service = found ? 'resolver' : this.#placeOf(spec) === 'host' ? 'host' : 'servers';
    return resolverText(spec, service, this.#parts.nameSources);
  }

  hostsFile(spec: ContainerSpec, attachment: Attachment | undefined, hostname: string, others: readonly HostEntry[]): Promise<string> {
    const hostGateway = this.#parts.records.bridge.subnets[0]?.gateway ?? '';
    return hostsText(spec, attachment, hostname, others, {
      hostMode: this.#placeOf(spec) === 'host',
      hostGateway,
      sources: this.#parts.nameSources,
    });
  }

  /** Watchers and sockets of the daemon go; what containers have stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#parts.resolver[Symbol.dispose]();
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

  #onHost({ containerId }: AttachRequest): Held {
    return {
      attachment: { containerId, namespace: '', endpoints: [this.#emptyEndpoint(this.#parts.records.host)], publishedPorts: [] },
      plugs: new Map(),
    };
  }

  async #alone({ containerId }: AttachRequest, signal?: AbortSignal): Promise<Held> {
    const member = await this.#ready().namespaces.takeLoopbackOnly(signal);
    return {
      attachment: { containerId, namespace: member.file, endpoints: [this.#emptyEndpoint(this.#parts.records.none)], publishedPorts: [] },
      member,
      plugs: new Map(),
    };
  }

  /** One namespace with an interface on each network that the container wants. On the default bridge alone it is taken as it lies ready. */
  async #onNetworks(request: AttachRequest, signal?: AbortSignal): Promise<Held> {
    const { namespaces } = this.#ready();
    const wanted = wantedNetworks(request.spec, (reference) => this.get(reference));
    const onBridge = wanted.find(({ record }) => record.name === 'bridge');
    await using undo = new AsyncDisposableStack();
    const member = onBridge
      ? await namespaces.takeOnBridge(this.#wishesOf(request.spec), signal)
      : await namespaces.takeLoopbackOnly(signal);
    undo.defer(() => namespaces.discard(member));
    const held: Held = {
      attachment: {
        containerId: request.containerId,
        namespace: member.file,
        endpoints: onBridge ? [{ ...this.#endpointOf(member), gatewayPriority: onBridge.wish.gatewayPriority ?? 0 }] : [],
        publishedPorts: [],
        spec: request.spec,
      },
      member,
      plugs: new Map(),
    };
    const others = wanted.filter((one) => one !== onBridge);
    for (const { record, wish } of others) await this.#plug(held, record, request, wish, undo);
    if (others.length > 0) await this.#route(held);
    undo.defer(() => this.#parts.publisher.unpublish(request.containerId));
    if (!request.standby) this.#setPorts(held, await this.#parts.publisher.publish(held.attachment, request));
    undo.defer(() => this.#parts.resolver.close(request.containerId));
    await this.#answer(held);
    signal?.throwIfAborted();
    undo.move();
    return held;
  }

  /** Adds an interface on a network that someone made. */
  async #plug(held: Held, record: NetworkRecord, request: AttachRequest, wish: EndpointRequest, undo: AsyncDisposableStack): Promise<void> {
    const owner = request.name ?? request.containerId.slice(0, 12);
    const { namespace, endpoints } = held.attachment;
    const letGo = this.#parts.users.hold(record, request.containerId, owner);
    undo.defer(letGo);
    const segment = this.#parts.users.segment(record.id);
    if (!segment) throw notFound(`network ${record.name} not found`);
    const asked = wish.driverOptions[DEVICE_OPTION];
    const device = asked ?? freeDevice(endpoints, segment.devicePrefix);
    if (!/^[^\s/:]{1,15}$/.test(device) || device === 'lo' || endpoints.some(({ interfaceName }) => interfaceName === device))
      throw invalid(`${DEVICE_OPTION}: ${JSON.stringify(device)} cannot be the name of one more device of ${owner}`);
    const plug = await this.#freeing(() => segment.plug({ owner, namespace, device, wish }));
    undo.defer(async () => {
      await this.#unplug(held, plug);
      held.plugs.delete(record.id);
      held.attachment.endpoints = held.attachment.endpoints.filter((other) => other !== plug.endpoint);
    });
    plug.endpoint.dnsNames = dnsNamesOf(request, wish);
    if (wish.links.length > 0) plug.endpoint.links = [...wish.links];
    plug.endpoint.gatewayPriority = wish.gatewayPriority ?? 0;
    held.plugs.set(record.id, { plug, letGo });
    held.attachment = { ...held.attachment, endpoints: [...endpoints, plug.endpoint] };
  }

  /** An address may belong to a container that is just leaving, as when one is made anew under the same name: then it is free soon. */
  async #freeing(plug: () => Promise<Plug>): Promise<Plug> {
    try {
      return await plug();
    } catch (error) {
      const leaving = this.#ready().namespaces.leaving();
      if (!leaving || !isKind(error, 'conflict')) throw error;
      await leaving;
      return await plug();
    }
  }

  /** Adds an interface on the default bridge to a running container. */
  async #plugDefault(held: Held, wish: EndpointRequest, undo: AsyncDisposableStack): Promise<void> {
    const { namespaces } = this.#ready();
    const { member, attachment } = held;
    if (!member) throw notFound('the container has no namespace of its own');
    const device = freeDevice(attachment.endpoints, 'eth');
    await namespaces.plug(member, device, wish.macAddress);
    undo.defer(() => namespaces.unplug(member));
    const endpoint = { ...this.#endpointOf(member), interfaceName: device, gatewayPriority: wish.gatewayPriority ?? 0 };
    held.attachment = { ...attachment, endpoints: [...attachment.endpoints, endpoint] };
  }

  async #unplug(held: Held, plug: Plug): Promise<void> {
    if (plug.link === '') removeInside(held.attachment.namespace, plug.endpoint.interfaceName ?? '');
    else await this.#ready().namespaces.removeLink(plug.link);
    plug.release();
  }

  async #route({ attachment, member }: Held): Promise<void> {
    if (!member) return;
    const { endpoints, namespace } = attachment;
    const gateways = chooseGateways(endpoints, ({ gatewayPriority }) => gatewayPriority ?? 0);
    await setDefaultRoutes(
      namespace,
      gateways,
      endpoints.some(({ ipv6Address }) => ipv6Address !== ''),
    );
  }

  #setPorts(held: Held, publishedPorts: PublishedPort[]): void {
    held.attachment = { ...held.attachment, publishedPorts };
  }

  /** Gives a container other names on all its networks. */
  #rename(held: Held, namesOn: (endpoint: EndpointState) => string[]): void {
    const endpoints = held.attachment.endpoints.map((endpoint) =>
      held.plugs.has(endpoint.networkId) ? { ...endpoint, dnsNames: namesOn(endpoint) } : endpoint,
    );
    held.attachment = { ...held.attachment, endpoints };
    this.#tellNames(held);
  }

  /** Has the resolver answer a container that is on a network with discovery. */
  async #answer(held: Held): Promise<void> {
    const { containerId, namespace, spec } = held.attachment;
    if (held.plugs.size === 0) return;
    const leadsOut = () => Object.values(chooseGateways(held.attachment.endpoints, () => 0)).some((endpoint) => endpoint !== undefined);
    await this.#parts.resolver.open({ containerId, namespace, servers: spec?.dnsServers ?? [], leadsOut });
  }

  async #answerAgain(held: Held): Promise<void> {
    try {
      await this.#answer(held);
    } catch (error) {
      const { containerId } = held.attachment;
      this.#parts.log.error('A running container cannot ask for names: restart it', { container: containerId, error: describe(error) });
    }
  }

  /** What others may know of a container: its endpoints on networks with discovery, the way out first. */
  #tellNames({ attachment, plugs }: Held): void {
    const { containerId, endpoints } = attachment;
    const first = chooseGateways(endpoints, ({ gatewayPriority }) => gatewayPriority ?? 0).four;
    const found = endpoints.filter(({ networkId }) => plugs.has(networkId));
    const named = [...found].sort((a, b) => Number(b === first) - Number(a === first));
    this.#parts.directory.set(
      containerId,
      named.map((endpoint) => ({
        containerId,
        networkId: endpoint.networkId,
        networkName: endpoint.networkName,
        ipv4Address: endpoint.ipv4Address,
        ipv6Address: endpoint.ipv6Address,
        names: endpoint.dnsNames ?? [],
        links: new Map((endpoint.links ?? []).map((link) => [(link.split(':')[1] ?? link).toLowerCase(), link.split(':')[0] ?? link])),
      })),
    );
  }

  /** Interfaces that must be there, for the look at the kernel. */
  *#living(): Iterable<Living> {
    const { ground } = this.#ready();
    for (const held of this.#held.values()) {
      const { attachment, member, plugs } = held;
      for (const { plug } of plugs.values()) {
        const segment = this.#parts.users.segment(plug.endpoint.networkId);
        if (!segment) continue;
        const restore = () => segment.restore(plug, attachment.namespace).then(() => this.#route(held));
        yield { link: plug.link, mend: (links) => segment.mend(plug, links), restore };
      }
      const onGround = attachment.endpoints.find(({ networkId }) => networkId === this.#parts.records.bridge.id);
      if (!onGround || !member?.onBridge) continue;
      const restore = () => ground.restore(member, onGround.interfaceName ?? 'eth0').then(() => this.#route(held));
      yield { link: member.onBridge.link, mend: (links) => ground.mend(member, links), restore };
    }
  }

  #tellTrouble({ network, sentence }: Covered): void {
    this.#parts.log.warn(sentence, { network: network.name });
    for (const listener of this.#troubleListeners) listener(structuredClone(network), sentence);
  }

  #wishesOf(spec: ContainerSpec): { address?: string; macAddress?: string } {
    const request: EndpointRequest | undefined =
      spec.endpoints['bridge'] ?? spec.endpoints['default'] ?? spec.endpoints[this.#parts.records.bridge.id];
    return {
      ...(request?.ipv4Address ? { address: request.ipv4Address } : {}),
      ...(request?.macAddress ? { macAddress: request.macAddress.toLowerCase() } : {}),
    };
  }

  #endpointOf({ onBridge }: Member): EndpointState {
    const { bridge } = this.#ready();
    if (!onBridge) throw new GantryError('internal', 'A namespace of the bridge pool is not on the bridge');
    return {
      ...this.#emptyEndpoint(this.#parts.records.bridge),
      interfaceName: 'eth0',
      macAddress: onBridge.macAddress,
      ipv4Address: formatAddress(onBridge.address),
      ipv4PrefixLength: bridge.address.subnet.prefixLength,
      gateway: formatAddress(bridge.address.gateway),
    };
  }

  #emptyEndpoint({ id, name }: NetworkRecord): EndpointState {
    return { ...blankEndpoint(), networkId: id, networkName: name, endpointId: this.#parts.ids.next() };
  }

  #adoptPlug(held: Held, endpoint: EndpointState): void {
    const { users, log } = this.#parts;
    const segment = users.segment(endpoint.networkId);
    if (!segment) return;
    const { containerId } = held.attachment;
    const owner = endpoint.dnsNames?.[0] ?? containerId.slice(0, 12);
    try {
      const letGo = users.hold(segment.record, containerId, owner);
      held.plugs.set(endpoint.networkId, { plug: segment.adopt(endpoint, owner), letGo });
    } catch (error) {
      log.error('An interface of a running container could not be taken over', { container: owner, error: describe(error) });
    }
  }

  /** Goes on with what an earlier daemon set up. A container whose namespace is gone is left out: its engine finds it ended. */
  async #adopt({ namespaces }: Prepared, attachment: Attachment): Promise<void> {
    const { log } = this.#parts;
    const { containerId } = attachment;
    if (attachment.namespace === '') {
      this.#held.set(containerId, { attachment, plugs: new Map() });
      return;
    }
    const bridge = this.#parts.records.bridge.id;
    const onBridge = attachment.endpoints.find(({ networkId }) => networkId === bridge);
    const member = namespaces.adopt(attachment.namespace, onBridge);
    if (!member) {
      log.warn('The network namespace of a container is gone', { container: containerId, namespace: attachment.namespace });
      return;
    }
    const held: Held = { attachment, member, plugs: new Map() };
    this.#held.set(containerId, held);
    for (const endpoint of attachment.endpoints) this.#adoptPlug(held, endpoint);
    await this.#parts.publisher.adopt(attachment);
  }
}
