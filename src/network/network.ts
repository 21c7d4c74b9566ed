import type { ContainerSpec, EndpointState, NetworkRecord, PublishedPort } from '../model/index.ts';

/**
 * The network room: namespaces prepared ahead, the default bridge, addresses, published ports, and name files.
 * Everything in the kernel is computed from attachments and put into nftables tables, links and namespaces of our
 * own; `reconcile` makes the kernel equal to what it is given, and a flush of the rules is noticed and mended.
 */
export interface Network extends AsyncDisposable {
  /** Makes bridge, rules and the pool of prepared namespaces; adopts what an earlier daemon left. */
  start(attachments: readonly Attachment[]): Promise<void>;
  list(): NetworkRecord[];
  /** By name, id or unique id prefix. Fails with `notFound` ("network … not found"). */
  get(reference: string): NetworkRecord;
  /**
   * A namespace with everything the container asked for: interface, address, routes, sysctls, published ports.
   * Undoes itself on failure. Errors: `conflict` for a port or address in use (says by whom), `invalid`.
   */
  attach(request: AttachRequest, signal?: AbortSignal): Promise<Attachment>;
  /** Idempotent. Returns at once: the namespace goes away in the background. Links and ports are gone when it resolves. */
  detach(containerId: string): Promise<void>;
  /** Attachments that are known, by container id. */
  attachments(): ReadonlyMap<string, Attachment>;
  /** Contents of /etc/resolv.conf for a container. `host` mode gets the host's own. */
  resolverFile(spec: ContainerSpec, attachment: Attachment | undefined): Promise<string>;
  /** Contents of /etc/hosts. `others` are linked or named containers with their addresses. */
  hostsFile(spec: ContainerSpec, attachment: Attachment | undefined, hostname: string, others: readonly HostEntry[]): Promise<string>;
}

export interface AttachRequest {
  containerId: string;
  spec: ContainerSpec;
  /** For messages; the container's short id when absent. */
  name?: string;
}

export interface Attachment {
  containerId: string;
  /** Path of the namespace; '' for host mode. */
  namespace: string;
  endpoints: EndpointState[];
  publishedPorts: PublishedPort[];
}

export interface HostEntry {
  address: string;
  names: string[];
}
