import { describe, invalid, type Log } from '../../base/index.ts';
import { netlink } from '../../host/index.ts';
import type { EndpointState, PortRequest, PublishedPort } from '../../model/index.ts';
import type { Firewall, Forwarding } from '../firewall/index.ts';
import { ownerOf } from '../joining.ts';
import type { Attachment, AttachRequest } from '../network.ts';
import type { Records } from '../records.ts';
import { chooseGateways } from '../segments/inside.ts';
import type { UserNetworks } from '../user-networks.ts';
import type { PortBook, Publication } from './book.ts';
import { forwardingsOf, requestedPorts, showPort } from './plan.ts';

export interface PublisherParts {
  book: PortBook;
  records: Records;
  users: UserNetworks;
  log: Log;
}

/** For whom something is published; without a spec it is what it was before. */
type Request = Pick<AttachRequest, 'containerId' | 'name'> & Partial<Pick<AttachRequest, 'spec'>>;

/** What one container has published, or wants to once it can. */
interface Published {
  requests: PortRequest[];
  /** The endpoint that the ports lead to. */
  endpointId?: string;
  publication?: Publication;
  forwardings: Forwarding[];
}

/** Published ports of all containers: taken in the book, carried by the firewall, and moved when another endpoint leads out. */
export class Publisher {
  readonly #parts: PublisherParts;
  readonly #published = new Map<string, Published>();
  #firewall: Firewall | undefined;

  constructor(parts: PublisherParts) {
    this.#parts = parts;
  }

  start(firewall: Firewall): void {
    this.#firewall = firewall;
  }

  /** Everything that the kernel should carry. */
  forwardings(): Forwarding[] {
    return [...this.#published.values()].flatMap(({ forwardings }) => forwardings);
  }

  /** Ports lead to the endpoint that leads the container out. Undoes itself on failure. */
  async publish(attachment: Attachment, request: Request): Promise<PublishedPort[]> {
    const mine = this.#of(request);
    const endpoint = this.#endpointOf(attachment);
    if (mine.requests.length === 0 || !endpoint) return [];
    const target = endpoint.ipv4Address || endpoint.ipv6Address;
    const settings = this.#parts.users.bridges.find(({ record }) => record.id === endpoint.networkId)?.settings;
    if (settings && (endpoint.ipv4Address ? settings.gatewayMode4 : settings.gatewayMode6) === 'routed') {
      const open = mine.requests.map(({ protocol, containerPort }) => ({ address: target, protocol, port: containerPort }));
      await this.#parts.users.setOpen(request.containerId, open);
      return [];
    }
    const bound = settings?.hostBinding
      ? mine.requests.map((one) => (one.hostAddress === '' ? { ...one, hostAddress: settings.hostBinding } : one))
      : mine.requests;
    await using undo = new AsyncDisposableStack();
    undo.defer(() => this.#letGo(request.containerId, mine));
    mine.publication = await this.#parts.book.publish(ownerOf(request, endpoint), target, bound);
    const { ports } = mine.publication;
    mine.forwardings = forwardingsOf(target, ports);
    await this.#firewall?.publish(mine.forwardings);
    await this.#forgetOldFlows(ports);
    mine.endpointId = endpoint.endpointId;
    undo.move();
    return ports;
  }

  /** Idempotent. */
  async unpublish(containerId: string): Promise<void> {
    const mine = this.#published.get(containerId);
    this.#published.delete(containerId);
    if (mine) await this.#letGo(containerId, mine);
  }

  /** Moves published ports when another endpoint leads out by now. Ports keep their numbers. */
  async follow(attachment: Attachment, request: Request): Promise<PublishedPort[]> {
    const mine = this.#of(request);
    if (mine.requests.length === 0 || this.#endpointOf(attachment)?.endpointId === mine.endpointId) return attachment.publishedPorts;
    await this.#letGo(request.containerId, mine);
    // An ephemeral port that was chosen stays the same.
    mine.requests = mine.requests.map((one) => {
      const had = attachment.publishedPorts.find((port) => port.containerPort === one.containerPort && port.protocol === one.protocol);
      return had && one.hostPorts?.from !== one.hostPorts?.to ? { ...one, hostPorts: { from: had.hostPort, to: had.hostPort } } : one;
    });
    return await this.publish(attachment, {
      containerId: request.containerId,
      ...(request.name === undefined ? {} : { name: request.name }),
    });
  }

  /** Published ports of a container that was held back: those that `from` has pass over, the others are taken. */
  async pass(attachment: Attachment, request: AttachRequest, from: string | undefined): Promise<PublishedPort[]> {
    const mine = this.#of(request);
    const old = from === undefined ? undefined : this.#published.get(from);
    if (!old?.publication || mine.publication) {
      const ports = mine.publication?.ports ?? (await this.publish(attachment, request));
      if (from !== undefined) await this.unpublish(from);
      return ports;
    }
    const endpoint = this.#endpointOf(attachment);
    if (!endpoint) throw invalid(`container ${request.name ?? request.containerId} has no network that ports could lead to`);
    const target = endpoint.ipv4Address || endpoint.ipv6Address;
    const before = old.forwardings;
    const publication = await this.#parts.book.takeOver(ownerOf(request, endpoint), target, mine.requests, old.publication);
    const { ports } = publication;
    Object.assign(mine, { publication, forwardings: forwardingsOf(target, ports), endpointId: endpoint.endpointId });
    old.forwardings = [];
    await this.#firewall?.replace(before, mine.forwardings);
    await this.#forgetOldFlows(ports);
    if (from !== undefined) await this.unpublish(from);
    return ports;
  }

  /** Goes on with ports that an earlier daemon published; `forwardings` has them afterwards. */
  async adopt(attachment: Attachment): Promise<void> {
    const { containerId, publishedPorts } = attachment;
    const endpoint = this.#endpointOf(attachment);
    const requests = publishedPorts.map(({ containerPort, protocol, hostAddress, hostPort }) => ({
      containerPort,
      protocol,
      hostAddress,
      hostPorts: { from: hostPort, to: hostPort },
    }));
    const mine: Published = { requests, forwardings: [], ...(endpoint ? { endpointId: endpoint.endpointId } : {}) };
    this.#published.set(containerId, mine);
    if (publishedPorts.length === 0 || !endpoint) return;
    const target = endpoint.ipv4Address || endpoint.ipv6Address;
    mine.forwardings = forwardingsOf(target, publishedPorts);
    const publication = await this.#parts.book.adopt(containerId, target, publishedPorts);
    mine.publication = publication;
    for (const port of publication.missing)
      this.#parts.log.warn('Another program has a published port', { container: containerId, port: showPort(port) });
  }

  /** Closes the daemon's sockets; what the kernel carries stays. */
  async close(): Promise<void> {
    await Promise.all([...this.#published.values()].map(({ publication }) => publication?.[Symbol.asyncDispose]()));
  }

  #of({ containerId, spec }: Request): Published {
    const mine = this.#published.get(containerId) ?? { requests: [], forwardings: [] };
    if (spec) mine.requests = requestedPorts(spec);
    this.#published.set(containerId, mine);
    return mine;
  }

  async #letGo(containerId: string, mine: Published): Promise<void> {
    const { forwardings, publication } = mine;
    mine.forwardings = [];
    delete mine.publication;
    delete mine.endpointId;
    await Promise.all([
      this.#firewall?.unpublish(forwardings),
      publication?.[Symbol.asyncDispose](),
      this.#parts.users.setOpen(containerId, []),
    ]);
  }

  #endpointOf({ endpoints }: Attachment): EndpointState | undefined {
    const { records, users } = this.#parts;
    const open = endpoints.filter(({ networkId }) => networkId === records.bridge.id || users.segment(networkId)?.leadsOut);
    const { four, six } = chooseGateways(open, ({ gatewayPriority }) => gatewayPriority ?? 0);
    return four ?? six;
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
}
