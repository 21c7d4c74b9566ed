import { describe, invalid, type Log } from '../../base/index.ts';
import { netlink } from '../../host/index.ts';
import type { Exposure, PortRequest, PublishedPort } from '../../model/index.ts';
import type { Firewall, Forwarding } from '../firewall/index.ts';
import { ownerOf } from '../joining.ts';
import type { Attachment, AttachRequest } from '../network.ts';
import type { PortBook, Publication } from './book.ts';
import { type LeadParts, leadOf, openPorts, refuseUnenforceable } from './lead.ts';
import { forwardingsOf, requestedPorts, showPort } from './plan.ts';

export interface PublisherParts extends LeadParts {
  book: PortBook;
  /** For ports whose container says nothing. */
  exposure: Exposure;
  log: Log;
}

/** For whom something is published; without a spec it is what it was before. */
type Request = Pick<AttachRequest, 'containerId' | 'name'> & Partial<Pick<AttachRequest, 'spec'>>;

/** What one container has published, or wants to once it can. */
interface Published {
  requests: PortRequest[];
  /** The endpoints that the ports lead to. */
  leadsTo?: string;
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

  /** Ports lead to the endpoints that lead the container out. Undoes itself on failure. */
  async publish(attachment: Attachment, request: Request): Promise<PublishedPort[]> {
    const mine = this.#of(request);
    const lead = leadOf(attachment, this.#parts);
    if (mine.requests.length === 0 || !lead) return [];
    refuseUnenforceable(request.name ?? request.containerId.slice(0, 12), lead, mine.requests);
    await using undo = new AsyncDisposableStack();
    undo.defer(() => this.#letGo(request.containerId, mine));
    mine.leadsTo = lead.id;
    await this.#parts.users.setOpen(request.containerId, openPorts(lead.routed, mine.requests));
    if (lead.targets.four === undefined && lead.targets.six === undefined) {
      undo.move();
      return [];
    }
    const bound = lead.hostBinding
      ? mine.requests.map((one) => (one.hostAddress === '' ? { ...one, hostAddress: lead.hostBinding } : one))
      : mine.requests;
    mine.publication = await this.#parts.book.publish(ownerOf(request, lead.endpoint), lead.targets, bound);
    const { ports } = mine.publication;
    mine.forwardings = forwardingsOf(lead.targets, ports);
    await this.#firewall?.publish(mine.forwardings);
    await this.#forgetOldFlows(ports);
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
    if (mine.requests.length === 0 || leadOf(attachment, this.#parts)?.id === mine.leadsTo) return attachment.publishedPorts;
    await this.#letGo(request.containerId, mine);
    mine.requests = keepChosen(mine.requests, attachment.publishedPorts);
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
    const lead = leadOf(attachment, this.#parts);
    if (!lead) throw invalid(`container ${request.name ?? request.containerId} has no network that ports could lead to`);
    const before = old.forwardings;
    const publication = await this.#parts.book.takeOver(ownerOf(request, lead.endpoint), lead.targets, mine.requests, old.publication);
    const { ports } = publication;
    Object.assign(mine, { publication, forwardings: forwardingsOf(lead.targets, ports), leadsTo: lead.id });
    old.forwardings = [];
    await this.#firewall?.replace(before, mine.forwardings);
    await this.#forgetOldFlows(ports);
    if (from !== undefined) await this.unpublish(from);
    return ports;
  }

  /** Goes on with ports that an earlier daemon published; `forwardings` and the open ports of the networks have them afterwards. */
  async adopt(attachment: Attachment): Promise<void> {
    const { containerId, publishedPorts, spec } = attachment;
    const lead = leadOf(attachment, this.#parts);
    const mine: Published = { requests: publishedPorts.map(asRequest), forwardings: [], ...(lead ? { leadsTo: lead.id } : {}) };
    this.#published.set(containerId, mine);
    // What is reached without translation is no published port. One that stands by has no names, and nothing open.
    const serves = (lead?.endpoint.dnsNames ?? []).length > 0;
    if (publishedPorts.length === 0 && spec && serves) mine.requests = requestedPorts(spec, this.#parts.exposure);
    if (lead) this.#parts.users.noteOpen(containerId, openPorts(lead.routed, mine.requests));
    if (publishedPorts.length === 0 || !lead) return;
    mine.forwardings = forwardingsOf(lead.targets, publishedPorts);
    const publication = await this.#parts.book.adopt(containerId, lead.targets, publishedPorts);
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
    if (spec) mine.requests = requestedPorts(spec, this.#parts.exposure);
    this.#published.set(containerId, mine);
    return mine;
  }

  async #letGo(containerId: string, mine: Published): Promise<void> {
    const { forwardings, publication } = mine;
    mine.forwardings = [];
    delete mine.publication;
    delete mine.leadsTo;
    await Promise.all([
      this.#firewall?.unpublish(forwardings),
      publication?.[Symbol.asyncDispose](),
      this.#parts.users.setOpen(containerId, []),
    ]);
  }

  /** UDP has no connections that end: clients of the port's last owner would stay with it. */
  async #forgetOldFlows(ports: readonly PublishedPort[]): Promise<void> {
    const udp = new Map(ports.filter(({ protocol }) => protocol === 'udp').map(({ hostPort, count = 1 }) => [hostPort, count]));
    if (udp.size === 0) return;
    try {
      using socket = new netlink.NetlinkSocket(netlink.NETLINK_NETFILTER);
      for (const [port, count] of udp) await netlink.forgetUdpFlows(socket, port, count);
    } catch (error) {
      this.#parts.log.warn('Clients that used these UDP ports a moment ago may not reach the new container yet', {
        ports: [...udp.keys()].join(','),
        error: describe(error),
      });
    }
  }
}

/** What an adopted container would ask for to have the same again. */
function asRequest({ hostPort, ...port }: PublishedPort): PortRequest {
  return { ...port, hostPorts: { from: hostPort, to: hostPort + (port.count ?? 1) - 1 } };
}

/** The same requests, with the ports that were chosen for them before. */
function keepChosen(requests: readonly PortRequest[], published: readonly PublishedPort[]): PortRequest[] {
  const isNamed = ({ hostPorts, count }: PortRequest) =>
    hostPorts !== undefined && (count !== undefined || hostPorts.from === hostPorts.to);
  const taken = new Set(requests.filter(isNamed).map(({ hostPorts }) => hostPorts?.from));
  return requests.map((one) => {
    const had = published.find(
      ({ containerPort, protocol, hostPort }) => containerPort === one.containerPort && protocol === one.protocol && !taken.has(hostPort),
    );
    if (isNamed(one) || !had) return one;
    taken.add(had.hostPort);
    return { ...one, hostPorts: { from: had.hostPort, to: had.hostPort + (one.count ?? 1) - 1 } };
  });
}
