import { isIPv6 } from 'node:net';
import { type Clock, conflict, GantryError, invalid } from '../../base/index.ts';
import type { PortRequest, PublishedPort } from '../../model/index.ts';
import { formatIp, parseIp } from '../addresses/index.ts';
import { holdPort, type Target } from './holder.ts';
import { type Targets, targetFor } from './plan.ts';
import { bindFailure, refusal, refuseTakenSockets, showAddress } from './refusals.ts';

/** What a container publishes, held until disposed. */
export interface Publication extends AsyncDisposable {
  readonly ports: PublishedPort[];
  /** The same by what keeps them; those that passed to another container are not here any more. */
  readonly holds: Hold[];
}

/** A port of the host, or a range of them, taken until disposed. */
export interface Hold extends AsyncDisposable {
  readonly entry: Entry;
  /** Where its socket leads; read anew for each connection. */
  readonly target: Target;
}

/** For whom ports are taken; the names serve messages. */
export interface Owner {
  containerId: string;
  name: string;
  endpointId: string;
}

interface Entry {
  port: PublishedPort;
  containerId: string;
}

/** The range that Linux and Docker take ephemeral ports from. */
const EPHEMERAL = { from: 32768, to: 60999 };
const EVERY = { ipv4: '0.0.0.0', ipv6: '::' };

export interface BookOptions {
  /** Whether the host speaks IPv6. */
  ipv6: boolean;
  /** Whether the daemon may carry what the kernel cannot: from one family to the other. */
  relay: boolean;
  clock: Clock;
}

/**
 * Which port of the host belongs to which container. A port is taken here first, then by a socket, so that neither
 * another container nor another program can have it too. A range has no sockets: whether other programs listen there is asked once.
 */
export class PortBook {
  readonly #options: BookOptions;
  // By protocol and port: many single ports must not look through each other.
  #singles = new Map<string, Entry[]>();
  #ranges = new Set<Entry>();
  #nextEphemeral = EPHEMERAL.from;

  constructor(options: BookOptions) {
    this.#options = options;
  }

  /**
   * Takes all ports that are asked for, or none. Fails with `conflict` when one is in use (says by whom), `invalid` for a host
   * address that this host does not have, or a container that cannot be reached from there.
   */
  async publish(owner: Owner, targets: Targets, requests: readonly PortRequest[]): Promise<Publication> {
    await using undo = new AsyncDisposableStack();
    const holds: Hold[] = [];
    for (const request of requests) holds.push(...(await this.#publishOne(owner, targets, request, undo)));
    undo.move();
    return publicationOf(holds);
  }

  /**
   * The same, with ports that pass from one container to another: their sockets stay open and lead to the new container from
   * now on. Ports of `from` that nobody asks for stay with it. Fails as `publish` does, and then nothing has passed.
   */
  async takeOver(owner: Owner, targets: Targets, requests: readonly PortRequest[], from: Publication): Promise<Publication> {
    await using undo = new AsyncDisposableStack();
    const passing = new Map<Hold, PortRequest>();
    const holds: Hold[] = [];
    for (const request of requests) {
      const passed = passedOn(
        request,
        this.#addressesOf(request, targets),
        from.holds.filter((hold) => !passing.has(hold)),
      );
      for (const hold of passed) passing.set(hold, request);
      holds.push(...(passed.length > 0 ? passed : await this.#publishOne(owner, targets, request, undo)));
    }
    undo.move();
    for (const [{ entry, target }, { containerPort, exposure }] of passing) {
      entry.port = { ...entry.port, containerPort, ...(exposure ? { exposure } : {}) };
      entry.containerId = owner.containerId;
      Object.assign(target, { address: targetFor(targets, entry.port.hostAddress), port: containerPort });
    }
    from.holds.splice(0, from.holds.length, ...from.holds.filter((hold) => !passing.has(hold)));
    return publicationOf(holds);
  }

  /** Takes ports as they were before, after a restart of the daemon. `missing` are those that someone else has by now: the rules still carry them. */
  async adopt(containerId: string, targets: Targets, ports: readonly PublishedPort[]): Promise<Publication & { missing: PublishedPort[] }> {
    const holds: Hold[] = [];
    const missing: PublishedPort[] = [];
    for (const port of ports) {
      const hold = this.#enter({ port, containerId }, { address: targetFor(targets, port.hostAddress), port: port.containerPort });
      holds.push(hold);
      if (port.count !== undefined) continue;
      try {
        hold.keep(await holdPort(port, hold.target, this.#options.clock));
      } catch {
        missing.push(port);
      }
    }
    return { ...publicationOf(holds), missing };
  }

  async #publishOne(owner: Owner, targets: Targets, request: PortRequest, undo: AsyncDisposableStack): Promise<Hold[]> {
    const addresses = this.#addressesOf(request, targets);
    const { containerPort, protocol, count, exposure } = request;
    const most = EPHEMERAL.to - EPHEMERAL.from + 1;
    if (!request.hostPorts && (count ?? 1) > most)
      throw invalid(
        `cannot choose ${count} ports in a row: there are ${most} from ${EPHEMERAL.from} to ${EPHEMERAL.to}`,
        'Name the ports of the host.',
      );
    let lastFailure: unknown;
    for (const hostPort of this.#candidates(request)) {
      const wanted = addresses.map((hostAddress) => ({
        containerPort,
        protocol,
        hostAddress,
        hostPort,
        ...(count === undefined ? {} : { count }),
        ...(exposure === undefined || exposure === 'public' ? {} : { exposure }),
      }));
      try {
        const holds = await this.#hold(owner, wanted, targets);
        for (const hold of holds) undo.use(hold);
        return holds;
      } catch (error) {
        if (!(error instanceof GantryError) || error.kind !== 'conflict') throw error;
        lastFailure = error;
      }
    }
    const { hostPorts } = request;
    if (hostPorts !== undefined && (count !== undefined || hostPorts.from === hostPorts.to)) throw lastFailure;
    const { from, to } = hostPorts ?? EPHEMERAL;
    throw conflict(`${refusal(owner)}all ports from ${from} to ${to} are allocated`);
  }

  async #hold(owner: Owner, ports: readonly PublishedPort[], targets: Targets): Promise<Hold[]> {
    await using undo = new AsyncDisposableStack();
    const holds = ports.map((port) => {
      const holder = this.#holderOf(port);
      if (holder) throw alreadyAllocated(owner, port, holder);
      const target = { address: targetFor(targets, port.hostAddress), port: port.containerPort };
      return undo.use(this.#enter({ port, containerId: owner.containerId }, target));
    });
    for (const { entry, target, keep } of holds) {
      const { port } = entry;
      if (port.count !== undefined) {
        await refuseTakenSockets(owner, port, this.#options.clock);
        continue;
      }
      try {
        keep(await holdPort(port, target, this.#options.clock));
      } catch (error) {
        throw bindFailure(owner, port, error);
      }
    }
    undo.move();
    return holds;
  }

  /** The addresses of the host that a request comes to. */
  #addressesOf({ hostAddress, count = 1 }: PortRequest, { four, six }: Targets): string[] {
    const { ipv6, relay } = this.#options;
    // A range is the kernel's alone: it would need a socket of the daemon's for each port.
    const crosses = relay && count === 1;
    if (hostAddress === '') {
      const ofFour = four !== undefined || crosses ? [EVERY.ipv4] : [];
      return ipv6 && (six !== undefined || crosses) ? [...ofFour, EVERY.ipv6] : ofFour;
    }
    const ip = parseIp(hostAddress);
    if (!ip) throw invalid(`invalid IP address in a published port: "${hostAddress}"`);
    if (ip.family === 6 && !ipv6) throw invalid(`cannot publish a port on ${hostAddress}: this host has no IPv6`);
    if ((ip.family === 6 ? six : four) === undefined && !crosses)
      throw invalid(
        `cannot publish ${count === 1 ? 'a port' : `a range of ${count} ports`} on ${hostAddress}: the container has no IPv${ip.family} address`,
        `Put it on a network with IPv${ip.family}${count === 1 ? '' : ', or publish fewer than 33 ports, which the daemon relays'}.`,
      );
    if (formatIp(ip) === '::1' && !crosses)
      throw invalid(
        'cannot publish a range on ::1: the kernel translates no IPv6 of loopback',
        'Publish fewer than 33 ports, or on 127.0.0.1.',
      );
    return [formatIp(ip)];
  }

  *#candidates({ hostPorts: range, count = 1 }: PortRequest): Generator<number> {
    // Port 0 means any, as bind(2) has it.
    if (range && range.to !== 0) {
      for (let port = range.from; port + count - 1 <= range.to; port += 1) yield port;
      return;
    }
    const tries = Math.floor((EPHEMERAL.to - EPHEMERAL.from + 1) / count);
    for (let tried = 0; tried < tries; tried += 1) {
      if (this.#nextEphemeral + count - 1 > EPHEMERAL.to) this.#nextEphemeral = EPHEMERAL.from;
      const port = this.#nextEphemeral;
      this.#nextEphemeral += count;
      yield port;
    }
  }

  /** Disposing strikes the entry out, and closes the socket that was given to keep. */
  #enter(entry: Entry, target: Target): Hold & { keep(socket: AsyncDisposable): void } {
    const kept = new AsyncDisposableStack();
    kept.defer(entry.port.count === undefined ? this.#enterSingle(entry) : this.#enterRange(entry));
    return { entry, target, keep: (socket) => void kept.use(socket), [Symbol.asyncDispose]: () => kept.disposeAsync() };
  }

  #enterRange(entry: Entry): () => void {
    this.#ranges.add(entry);
    return () => void this.#ranges.delete(entry);
  }

  #enterSingle(entry: Entry): () => void {
    const key = keyOf(entry.port);
    this.#singles.set(key, [...(this.#singles.get(key) ?? []), entry]);
    return () => {
      const rest = (this.#singles.get(key) ?? []).filter((other) => other !== entry);
      if (rest.length > 0) this.#singles.set(key, rest);
      else this.#singles.delete(key);
    };
  }

  #holderOf(port: PublishedPort): Entry | undefined {
    const meets = (entry: Entry) => portsMeet(entry.port, port);
    const singles = port.count === undefined ? (this.#singles.get(keyOf(port)) ?? []) : [...this.#singles.values()].flat();
    return singles.find(meets) ?? [...this.#ranges].find(meets);
  }
}

function alreadyAllocated(owner: Owner, port: PublishedPort, { port: other, containerId }: Entry): GantryError {
  const hostPort = Math.max(port.hostPort, other.hostPort);
  const by =
    containerId === owner.containerId ? 'by this container itself, which publishes it twice' : `by container ${containerId.slice(0, 12)}`;
  return conflict(`${refusal(owner)}Bind for ${showAddress(port.hostAddress)}:${hostPort} failed: port is already allocated (${by})`);
}

function publicationOf(holds: Hold[]): Publication {
  return {
    ports: holds.map(({ entry }) => entry.port),
    holds,
    async [Symbol.asyncDispose]() {
      await using all = new AsyncDisposableStack();
      for (const hold of holds) all.use(hold);
    },
  };
}

/** Those of `holds` that serve a request on all its addresses: the same port of the host, or for any port the same one of the container. */
function passedOn(
  { protocol, containerPort, hostPorts, count }: PortRequest,
  addresses: readonly string[],
  holds: readonly Hold[],
): Hold[] {
  const any = hostPorts === undefined || hostPorts.to === 0;
  const fitting = holds.filter(
    ({ entry: { port } }) =>
      port.protocol === protocol &&
      port.count === count &&
      addresses.includes(port.hostAddress) &&
      (any ? port.containerPort === containerPort : port.hostPort >= hostPorts.from && port.hostPort <= hostPorts.to),
  );
  for (const { entry } of fitting) {
    const together = fitting.filter((other) => other.entry.port.hostPort === entry.port.hostPort);
    if (together.length === addresses.length) return together;
  }
  return [];
}

const keyOf = (port: PublishedPort) => `${port.protocol} ${port.hostPort}`;

function portsMeet(a: PublishedPort, b: PublishedPort): boolean {
  if (a.protocol !== b.protocol || !addressesMeet(a.hostAddress, b.hostAddress)) return false;
  return a.hostPort < b.hostPort + (b.count ?? 1) && b.hostPort < a.hostPort + (a.count ?? 1);
}

/** Two addresses of one family of which one means all. */
function addressesMeet(a: string, b: string): boolean {
  if (isIPv6(a) !== isIPv6(b)) return false;
  return a === b || [a, b].some((address) => address === EVERY.ipv4 || address === EVERY.ipv6);
}
