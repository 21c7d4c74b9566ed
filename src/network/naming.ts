import { closeSync } from 'node:fs';
import { describe, type Log } from '../base/index.ts';
import type { EndpointState } from '../model/index.ts';
import type { Directory } from './directory.ts';
import { type Held, setEndpoints, waysOut } from './held.ts';
import type { Resolver } from './resolver/resolver.ts';

/** By which names containers are found, and that they are answered themselves. */
export class Naming {
  readonly #directory: Directory;
  readonly #resolver: Resolver;
  readonly #log: Log;

  readonly #servers: readonly string[];

  /** `servers` are asked for names of the world where a container names none; the host's when there are none. */
  constructor(directory: Directory, resolver: Resolver, servers: readonly string[], log: Log) {
    this.#directory = directory;
    this.#resolver = resolver;
    this.#servers = servers;
    this.#log = log;
  }

  /** Has the resolver answer a container, at sockets that an earlier daemon has left if there are any. */
  async answer(held: Held, left: readonly number[] = []): Promise<void> {
    const { containerId, namespace, spec } = held.attachment;
    const leadsOut = () => Object.values(waysOut(held)).some((endpoint) => endpoint !== undefined);
    const opened = await this.#resolver.open(
      { containerId, namespace, servers: spec?.dnsServers.length ? spec.dnsServers : this.#servers, leadsOut },
      left,
    );
    if (opened) held.attachment = { ...held.attachment, sockets: opened };
  }

  /** The same for a container that an earlier daemon has answered. */
  async answerAgain(held: Held, left: readonly number[] = []): Promise<void> {
    if (held.plugs.size === 0) return closeAll(left);
    try {
      await this.answer(held, left);
    } catch (error) {
      const { containerId } = held.attachment;
      this.#log.error('A running container cannot ask for names: restart it', { container: containerId, error: describe(error) });
    }
  }

  /** Tells others of a container as it is now: its endpoints on networks with discovery, the way out first. */
  tell(held: Held): void {
    const { attachment, plugs } = held;
    const { containerId, endpoints } = attachment;
    const first = waysOut(held).four;
    const found = endpoints.filter(({ networkId }) => plugs.has(networkId));
    const named = [...found].sort((a, b) => Number(b === first) - Number(a === first));
    this.#directory.set(
      containerId,
      named.map(({ networkId, networkName, ipv4Address, ipv6Address, dnsNames = [], links = [] }) => ({
        ...{ containerId, networkId, networkName, ipv4Address, ipv6Address, names: dnsNames },
        links: new Map(links.map(linkOf)),
      })),
    );
  }

  /** Gives a container other names on all its networks. */
  rename(held: Held, namesOn: (endpoint: EndpointState) => string[]): void {
    const renamed = (endpoint: EndpointState) =>
      held.plugs.has(endpoint.networkId) ? { ...endpoint, dnsNames: namesOn(endpoint) } : endpoint;
    setEndpoints(held, held.attachment.endpoints.map(renamed));
    this.tell(held);
  }

  /** Nobody finds it, and it is not answered, from here on. */
  forget(containerId: string): void {
    this.#directory.set(containerId, []);
    this.#resolver.close(containerId);
  }

  stopAnswering(containerId: string): void {
    this.#resolver.close(containerId);
  }

  close(): void {
    this.#resolver[Symbol.dispose]();
  }
}

/** `container:alias` as alias → container. */
function linkOf(text: string): [string, string] {
  const [container = text, alias = container] = text.split(':');
  return [alias.toLowerCase(), container];
}

export function closeAll(sockets: readonly number[]): void {
  for (const socket of sockets) closeSync(socket);
}
