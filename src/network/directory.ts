import { ipBytes, parseIp } from './addresses/index.ts';

/** One container on one network, as others may find it there. */
export interface NamedEndpoint {
  containerId: string;
  networkId: string;
  networkName: string;
  /** Empty when it has none. */
  ipv4Address: string;
  ipv6Address: string;
  /** Names of the container and its aliases on this network, lower case or not as they were given; the first is the container's name. */
  names: readonly string[];
  /** Names that only this container knows: alias → name of another container on the network (`--link` on user networks). */
  links: ReadonlyMap<string, string>;
}

export interface Found {
  endpoint: NamedEndpoint;
  /** Its addresses in the bytes of an answer. */
  four: Uint8Array | undefined;
  six: Uint8Array | undefined;
}

/** The names of one network. */
interface Page {
  members: Map<string, Found>;
  byName: Map<string, Set<Found>>;
  byAddress: Map<string, Found>;
}

const NONE: readonly Found[] = [];

/**
 * Which names lead where on each network with discovery (those that people make), as it is now. An endpoint is here from the moment its
 * container can be reached until just before its address is taken away, so an answer is never an address that is gone.
 */
export class Directory {
  #pages = new Map<string, Page>();
  #byContainer = new Map<string, readonly NamedEndpoint[]>();

  /** The endpoints of a container, best way out first. [] for one without discovery. */
  of(containerId: string): readonly NamedEndpoint[] {
    return this.#byContainer.get(containerId) ?? [];
  }

  /** Endpoints of a network by a name, in lower case. */
  named(networkId: string, name: string): Iterable<Found> {
    return this.#pages.get(networkId)?.byName.get(name) ?? NONE;
  }

  /** By an address, as formatIp() writes it. */
  at(networkId: string, address: string): NamedEndpoint | undefined {
    return this.#pages.get(networkId)?.byAddress.get(address)?.endpoint;
  }

  /** Replaces all that is known of a container. */
  set(containerId: string, endpoints: readonly NamedEndpoint[]): void {
    for (const { networkId } of this.of(containerId)) this.#drop(networkId, containerId);
    for (const endpoint of endpoints) this.#add(endpoint);
    if (endpoints.length > 0) this.#byContainer.set(containerId, endpoints);
    else this.#byContainer.delete(containerId);
  }

  #add(endpoint: NamedEndpoint): void {
    const page = this.#pages.get(endpoint.networkId) ?? { members: new Map(), byName: new Map(), byAddress: new Map() };
    this.#pages.set(endpoint.networkId, page);
    const found = { endpoint, four: bytesOf(endpoint.ipv4Address), six: bytesOf(endpoint.ipv6Address) };
    page.members.set(endpoint.containerId, found);
    for (const name of keysOf(endpoint)) page.byName.set(name, (page.byName.get(name) ?? new Set()).add(found));
    for (const address of [endpoint.ipv4Address, endpoint.ipv6Address]) if (address !== '') page.byAddress.set(address, found);
  }

  #drop(networkId: string, containerId: string): void {
    const page = this.#pages.get(networkId);
    const found = page?.members.get(containerId);
    if (!page || !found) return;
    page.members.delete(containerId);
    for (const name of keysOf(found.endpoint)) {
      const others = page.byName.get(name);
      others?.delete(found);
      if (others?.size === 0) page.byName.delete(name);
    }
    for (const address of [found.endpoint.ipv4Address, found.endpoint.ipv6Address])
      if (page.byAddress.get(address) === found) page.byAddress.delete(address);
    if (page.members.size === 0) this.#pages.delete(networkId);
  }
}

/** A standby is found by no name; all others also by their full id. */
const keysOf = ({ names, containerId }: NamedEndpoint) =>
  names.length === 0 ? [] : [...new Set([...names.map((name) => name.toLowerCase()), containerId])];

function bytesOf(address: string): Uint8Array | undefined {
  const ip = parseIp(address);
  return ip && ipBytes(ip);
}
