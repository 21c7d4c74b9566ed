import { type Clock, describe, GantryError, type Ids, type Log, notFound } from '../base/index.ts';
import { netlink } from '../host/index.ts';
import {
  blankEndpoint,
  type ContainerSpec,
  type EndpointRequest,
  type EndpointState,
  type NetworkRecord,
  type PublishedPort,
} from '../model/index.ts';
import { formatAddress } from './addresses/index.ts';
import type { Bridge } from './bridge/bridge.ts';
import type { Firewall, Forwarding } from './firewall/index.ts';
import { watchRules } from './firewall/watch.ts';
import { hostsText, type NameSources, resolverText } from './names/index.ts';
import type { Attachment, AttachRequest, HostEntry, Network } from './network.ts';
import type { Member } from './pool/member.ts';
import type { Namespaces } from './pool/namespaces.ts';
import { forwardingsOf, type PortBook, type Publication, requestedPorts } from './ports/index.ts';
import { type Records, resolveNetwork } from './records.ts';

/** What is there once the kernel has been prepared. */
interface Prepared {
  bridge: Bridge;
  namespaces: Namespaces;
  firewall: Firewall;
}

export interface LocalNetworkParts {
  records: Records;
  clock: Clock;
  ids: Ids;
  log: Log;
  ports: PortBook;
  nameSources: NameSources;
  /** What it makes for the daemon's own use goes onto `undo`. */
  prepare(attachments: readonly Attachment[], undo: AsyncDisposableStack): Promise<Prepared>;
}

/** One attached container: what others may know, and what is needed to let go of it. */
interface Held {
  attachment: Attachment;
  member?: Member;
  publication?: Publication;
  forwardings: Forwarding[];
}

/** Where a container lives, after names and defaults are resolved. */
type Place = 'bridge' | 'host' | 'none' | { container: string };

/** The `Network` of one host: see there for its promises. */
export class LocalNetwork implements Network {
  readonly #parts: LocalNetworkParts;
  readonly #stop = new AbortController();
  readonly #undo = new AsyncDisposableStack();
  #prepared: Prepared | undefined;
  #held = new Map<string, Held>();

  constructor(parts: LocalNetworkParts) {
    this.#parts = parts;
  }

  async start(attachments: readonly Attachment[]): Promise<void> {
    const { clock, log } = this.#parts;
    const prepared = await this.#parts.prepare(attachments, this.#undo);
    for (const attachment of attachments) await this.#adopt(prepared, attachment);
    const held = [...this.#held.values()];
    await Promise.all([
      prepared.firewall.install(held.flatMap(({ forwardings }) => forwardings)),
      prepared.namespaces.removeStrangers(held.flatMap(({ member }) => (member ? [member] : []))),
    ]);
    this.#prepared = prepared;
    watchRules(prepared.firewall, this.#stop.signal, clock, log);
    prepared.namespaces.fill();
    // Other engines' chains are seldom there and slow to list: containers that live are connected already.
    void prepared.firewall
      .acceptElsewhere()
      .catch((error) => log.error('Could not look for chains that drop our traffic', { error: describe(error) }));
  }

  list(): NetworkRecord[] {
    const { bridge, host, none } = this.#parts.records;
    return structuredClone([bridge, host, none]);
  }

  get(reference: string): NetworkRecord {
    return resolveNetwork(this.list(), reference);
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
          : await this.#onBridge(request, signal);
    this.#held.set(request.containerId, held);
    return held.attachment;
  }

  async detach(containerId: string): Promise<void> {
    const held = this.#held.get(containerId);
    if (!held) return;
    this.#held.delete(containerId);
    const { firewall, namespaces } = this.#ready();
    try {
      await Promise.all([firewall.unpublish(held.forwardings), held.publication?.[Symbol.asyncDispose]()]);
    } finally {
      if (held.member) namespaces.discard(held.member);
    }
  }

  resolverFile(spec: ContainerSpec, _attachment: Attachment | undefined): Promise<string> {
    return resolverText(spec, this.#placeOf(spec) === 'host', this.#parts.nameSources);
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
    await Promise.all([...this.#held.values()].map(({ publication }) => publication?.[Symbol.asyncDispose]()));
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
    const { driver } = this.get(networkMode.name);
    return driver === 'null' ? 'none' : driver;
  }

  #join(containerId: string, other: string): Attachment {
    const owner = this.#held.get(other);
    if (!owner) throw notFound(`cannot join the network of container ${other}: it has none, for it is not running`);
    return { containerId, namespace: owner.attachment.namespace, endpoints: [], publishedPorts: [] };
  }

  #onHost({ containerId }: AttachRequest): Held {
    return {
      attachment: { containerId, namespace: '', endpoints: [this.#emptyEndpoint(this.#parts.records.host)], publishedPorts: [] },
      forwardings: [],
    };
  }

  async #alone({ containerId }: AttachRequest, signal?: AbortSignal): Promise<Held> {
    const member = await this.#ready().namespaces.takeLoopbackOnly(signal);
    return {
      attachment: { containerId, namespace: member.file, endpoints: [this.#emptyEndpoint(this.#parts.records.none)], publishedPorts: [] },
      member,
      forwardings: [],
    };
  }

  async #onBridge(request: AttachRequest, signal?: AbortSignal): Promise<Held> {
    const { namespaces, firewall } = this.#ready();
    await using undo = new AsyncDisposableStack();
    const member = await namespaces.takeOnBridge(this.#wishesOf(request.spec), signal);
    undo.defer(() => namespaces.discard(member));
    const endpoint = this.#endpointOf(member);
    const requests = requestedPorts(request.spec);
    const held: Held = {
      attachment: { containerId: request.containerId, namespace: member.file, endpoints: [endpoint], publishedPorts: [] },
      member,
      forwardings: [],
    };
    if (requests.length > 0) {
      const owner = {
        containerId: request.containerId,
        name: request.name ?? request.containerId.slice(0, 12),
        endpointId: endpoint.endpointId,
      };
      const publication = undo.use(await this.#parts.ports.publish(owner, endpoint.ipv4Address, requests));
      held.publication = publication;
      held.forwardings = forwardingsOf(endpoint.ipv4Address, publication.ports);
      await firewall.publish(held.forwardings);
      undo.defer(() => firewall.unpublish(held.forwardings));
      await this.#forgetOldFlows(publication.ports);
      held.attachment.publishedPorts = publication.ports;
      signal?.throwIfAborted();
    }
    undo.move();
    return held;
  }

  /** UDP has no connections that end: clients of the port's last owner would stay with it. */
  async #forgetOldFlows(ports: readonly PublishedPort[]): Promise<void> {
    const udp = new Set(ports.filter(({ protocol }) => protocol === 'udp').map(({ hostPort }) => hostPort));
    if (udp.size === 0) return;
    try {
      using socket = new netlink.NetlinkSocket(netlink.NETLINK_NETFILTER);
      for (const port of udp) await netlink.forgetUdpFlows(socket, port);
    } catch (error) {
      this.#parts.log.warn('Clients that used these UDP ports a moment ago may not reach the new container yet', {
        ports: [...udp].join(','),
        error: describe(error),
      });
    }
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
      macAddress: onBridge.macAddress,
      ipv4Address: formatAddress(onBridge.address),
      ipv4PrefixLength: bridge.address.subnet.prefixLength,
      gateway: formatAddress(bridge.address.gateway),
    };
  }

  #emptyEndpoint({ id, name }: NetworkRecord): EndpointState {
    return { ...blankEndpoint(), networkId: id, networkName: name, endpointId: this.#parts.ids.next() };
  }

  /** Goes on with what an earlier daemon set up. A container whose namespace is gone is left out: its engine finds it ended. */
  async #adopt({ namespaces }: Prepared, attachment: Attachment): Promise<void> {
    const { log, ports } = this.#parts;
    const { containerId } = attachment;
    if (attachment.namespace === '') {
      this.#held.set(containerId, { attachment, forwardings: [] });
      return;
    }
    const endpoint = attachment.endpoints[0];
    const member = namespaces.adopt(attachment.namespace, endpoint);
    if (!member) {
      log.warn('The network namespace of a container is gone', { container: containerId, namespace: attachment.namespace });
      return;
    }
    const held: Held = { attachment, member, forwardings: [] };
    this.#held.set(containerId, held);
    if (attachment.publishedPorts.length === 0 || !endpoint) return;
    held.forwardings = forwardingsOf(endpoint.ipv4Address, attachment.publishedPorts);
    const publication = await ports.adopt(containerId, endpoint.ipv4Address, attachment.publishedPorts);
    held.publication = publication;
    for (const port of publication.missing)
      log.warn('Another program has a published port', { container: containerId, port: showPort(port) });
  }
}

function showPort(port: PublishedPort): string {
  return `${port.hostAddress}:${port.hostPort}/${port.protocol}`;
}
