import type { ContainerSpec, EndpointRequest, EndpointState, NetworkRecord, NetworkRequest, PublishedPort } from '../model/index.ts';
import type { PortReach, ReachSubject } from './reach/words.ts';

/**
 * The network room: namespaces prepared ahead, bridges, addresses, published ports, name files, and the resolver of networks that people make.
 * Everything in the kernel is computed from attachments and put into nftables tables, links and namespaces of our
 * own; `reconcile` makes the kernel equal to what it is given, and a flush of the rules is noticed and mended.
 */
export interface Network extends AsyncDisposable {
  /**
   * Makes bridge, rules and the pool of prepared namespaces; adopts what an earlier daemon left. `sockets` are copies, by container id, of those that
   * attachments have told of: they are the network's own from then on.
   */
  start(attachments: readonly Attachment[], sockets?: ReadonlyMap<string, readonly number[]>): Promise<void>;
  list(): NetworkRecord[];
  /** By name, id or unique id prefix. Fails with `notFound` ("network … not found"). */
  get(reference: string): NetworkRecord;
  /**
   * Makes a network: row first, then the kernel; undone on failure and at the next start when cut short. Fails with `invalid` for what
   * makes no sense, `conflict` for a name or a subnet in use (says by what), `unsupported` for what this host has not.
   */
  create(request: NetworkRequest): Promise<NetworkRecord>;
  /** Fails with `denied` while containers are joined (names them) and for the networks that are always there. */
  remove(reference: string): Promise<NetworkRecord>;
  /**
   * Joins a running container to one more network, or finishes a join that was cut short. Its `attachment` holds the new endpoint
   * afterwards. Undoes itself on failure. Fails with `conflict` when it is joined already.
   */
  connect(request: AttachRequest, network: string, wish: EndpointRequest): Promise<Attachment>;
  /** The other way round. Idempotent: resolves to the endpoint that is gone, or undefined when there was none. */
  disconnect(containerId: string, network: string): Promise<EndpointState | undefined>;
  /** Another name for a container that is known: others find it by that from then on. Its attachment says so. */
  rename(request: AttachRequest): Attachment | undefined;
  /** How often the kernel was found different from what it should be, since the daemon started. */
  readonly drift: DriftCounts;
  /** Called with a sentence for each thing that somebody else changed and that matters to `network`. Returns the way to stop. */
  onTrouble(listener: (network: NetworkRecord, sentence: string) => void): () => void;
  /**
   * A namespace with everything the container asked for: interface, address, routes, sysctls, published ports.
   * Undoes itself on failure. Errors: `conflict` for a port or address in use (says by whom), `invalid`.
   */
  attach(request: AttachRequest, signal?: AbortSignal): Promise<Attachment>;
  /**
   * A container that stands by becomes found by its names and gets its published ports. Those that `from` has pass over in one
   * transaction, so that each new connection reaches one of the two; connections that exist stay where they are. `from` is not found
   * by name afterwards and publishes nothing. Idempotent. Fails as `attach` does for ports, and then nothing has changed.
   */
  takeOver(request: AttachRequest, from: string | undefined): Promise<Attachment>;
  /** Nobody finds the container by a name from here on; ports and connections stay. Undefined when it has no network of its own. */
  hide(containerId: string): Attachment | undefined;
  /** Idempotent. Returns at once: the namespace goes away in the background. Links and ports are gone when it resolves. */
  detach(containerId: string): Promise<void>;
  /** Who can reach the ports of running containers, and why: rules of other programs are read, and nothing is changed. */
  reach(subjects: readonly ReachSubject[]): Promise<PortReach[]>;
  /** Attachments that are known, by container id. */
  attachments(): ReadonlyMap<string, Attachment>;
  /** Contents of /etc/resolv.conf for a container. `host` mode gets the host's own; who is on a network that someone made gets our resolver. */
  resolverFile(spec: ContainerSpec, attachment: Attachment | undefined): Promise<string>;
  /** Contents of /etc/hosts. `others` are linked or named containers with their addresses. */
  hostsFile(spec: ContainerSpec, attachment: Attachment | undefined, hostname: string, others: readonly HostEntry[]): Promise<string>;
}

export interface AttachRequest {
  containerId: string;
  spec: ContainerSpec;
  /** For messages; the container's short id when absent. */
  name?: string;
  /** It is not found by any name and publishes nothing, until it takes over. */
  standby?: boolean;
}

export interface Attachment {
  containerId: string;
  /** Path of the namespace; '' for host mode. */
  namespace: string;
  endpoints: EndpointState[];
  publishedPorts: PublishedPort[];
  /** What the container asked for, as far as known. */
  spec?: ContainerSpec;
  /**
   * Where names are asked for in the container: descriptors of which its monitor should hold copies, so that what is asked while no daemon runs waits for
   * the next one, which gets them back at its start.
   */
  sockets?: readonly number[];
}

/** Things found changed and put right. */
export interface DriftCounts {
  /** The firewall rules. */
  rules: number;
  /** Bridges and links. */
  links: number;
  /** Settings of the kernel. */
  sysctls: number;
}

export interface HostEntry {
  address: string;
  names: string[];
}
