import type { NamedEndpoint, NetworkNames } from './network.ts';

/** The names of every network as they are now: see `NetworkNames` for the promises. */
export class Directory implements NetworkNames {
  #byNetwork = new Map<string, Map<string, NamedEndpoint>>();
  #byContainer = new Map<string, { namespace: string; endpoints: readonly NamedEndpoint[] }>();
  #listeners = new Set<(containerId: string) => void>();

  on(networkId: string): readonly NamedEndpoint[] {
    return [...(this.#byNetwork.get(networkId)?.values() ?? [])];
  }

  of(containerId: string): readonly NamedEndpoint[] {
    return this.#byContainer.get(containerId)?.endpoints ?? [];
  }

  namespaceOf(containerId: string): string | undefined {
    return this.#byContainer.get(containerId)?.namespace;
  }

  onChange(listener: (containerId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Replaces all that is known of a container; none means that it is gone. */
  set(containerId: string, namespace: string, endpoints: readonly NamedEndpoint[]): void {
    const before = this.of(containerId);
    if (before.length + endpoints.length === 0) return;
    for (const { networkId } of before) this.#drop(networkId, containerId);
    for (const endpoint of endpoints) this.#networkOf(endpoint.networkId).set(containerId, endpoint);
    if (endpoints.length > 0) this.#byContainer.set(containerId, { namespace, endpoints });
    else this.#byContainer.delete(containerId);
    for (const listener of this.#listeners) listener(containerId);
  }

  #networkOf(id: string): Map<string, NamedEndpoint> {
    const known = this.#byNetwork.get(id);
    if (known) return known;
    const fresh = new Map<string, NamedEndpoint>();
    this.#byNetwork.set(id, fresh);
    return fresh;
  }

  #drop(networkId: string, containerId: string): void {
    const network = this.#byNetwork.get(networkId);
    network?.delete(containerId);
    if (network?.size === 0) this.#byNetwork.delete(networkId);
  }
}
