import { isIPv4, isIPv6 } from 'node:net';
import { type Clock, conflict, errnoOf, GantryError, invalid } from '../../base/index.ts';
import type { PortRequest, Protocol, PublishedPort } from '../../model/index.ts';
import { holdPort, type Target } from './holder.ts';

/** What a container publishes, held until disposed. */
export interface Publication extends AsyncDisposable {
  readonly ports: PublishedPort[];
  /** The same by what keeps them; those that passed to another container are not here any more. */
  readonly holds: Hold[];
}

/** One port of the host, taken until disposed. */
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
  /** Whether the host speaks IPv6 and the daemon relays it. */
  ipv6: boolean;
  clock: Clock;
}

/**
 * Which port of the host belongs to which container. A port is taken here first, then by a socket, so that neither
 * another container nor another program can have it too.
 */
export class PortBook {
  readonly #options: BookOptions;
  // By protocol and port: a range of thousands must not look through thousands for each.
  #entries = new Map<string, Entry[]>();
  #nextEphemeral = EPHEMERAL.from;

  constructor(options: BookOptions) {
    this.#options = options;
  }

  /**
   * Takes all ports that are asked for, or none. Fails with `conflict` when one is in use (by whom, when it is one of
   * ours), `invalid` for a host address that this host does not have.
   */
  async publish(owner: Owner, containerAddress: string, requests: readonly PortRequest[]): Promise<Publication> {
    await using undo = new AsyncDisposableStack();
    const holds: Hold[] = [];
    for (const request of requests) holds.push(...(await this.#publishOne(owner, containerAddress, request, undo)));
    undo.move();
    return publicationOf(holds);
  }

  /**
   * The same, with ports that pass from one container to another: their sockets stay open and lead to the new container from
   * now on. Ports of `from` that nobody asks for stay with it. Fails as `publish` does, and then nothing has passed.
   */
  async takeOver(owner: Owner, containerAddress: string, requests: readonly PortRequest[], from: Publication): Promise<Publication> {
    await using undo = new AsyncDisposableStack();
    const passing = new Map<Hold, number>();
    const holds: Hold[] = [];
    for (const request of requests) {
      const passed = passedOn(
        request,
        this.#addressesOf(request.hostAddress),
        from.holds.filter((hold) => !passing.has(hold)),
      );
      for (const hold of passed) passing.set(hold, request.containerPort);
      holds.push(...(passed.length > 0 ? passed : await this.#publishOne(owner, containerAddress, request, undo)));
    }
    undo.move();
    for (const [{ entry, target }, containerPort] of passing) {
      entry.port = { ...entry.port, containerPort };
      entry.containerId = owner.containerId;
      Object.assign(target, { address: containerAddress, port: containerPort });
    }
    from.holds.splice(0, from.holds.length, ...from.holds.filter((hold) => !passing.has(hold)));
    return publicationOf(holds);
  }

  /** Takes ports as they were before, after a restart of the daemon. `missing` are those that someone else has by now: the rules still carry them. */
  async adopt(
    containerId: string,
    containerAddress: string,
    ports: readonly PublishedPort[],
  ): Promise<Publication & { missing: PublishedPort[] }> {
    const holds: Hold[] = [];
    const missing: PublishedPort[] = [];
    for (const port of ports) {
      const target = { address: containerAddress, port: port.containerPort };
      const hold = this.#enter({ port, containerId }, target);
      holds.push(hold);
      try {
        hold.keep(await holdPort(port.protocol, port.hostAddress, port.hostPort, target, this.#options.clock));
      } catch {
        missing.push(port);
      }
    }
    return { ...publicationOf(holds), missing };
  }

  async #publishOne(owner: Owner, containerAddress: string, request: PortRequest, undo: AsyncDisposableStack): Promise<Hold[]> {
    const addresses = this.#addressesOf(request.hostAddress);
    let lastFailure: unknown;
    for (const hostPort of this.#candidates(request.hostPorts)) {
      const wanted = addresses.map((hostAddress) => ({
        containerPort: request.containerPort,
        protocol: request.protocol,
        hostAddress,
        hostPort,
      }));
      try {
        const holds = await this.#hold(owner, wanted, containerAddress);
        for (const hold of holds) undo.use(hold);
        return holds;
      } catch (error) {
        if (!(error instanceof GantryError) || error.kind !== 'conflict') throw error;
        lastFailure = error;
      }
    }
    const fixed = request.hostPorts !== undefined && request.hostPorts.from === request.hostPorts.to;
    if (fixed) throw lastFailure;
    const { from, to } = request.hostPorts ?? EPHEMERAL;
    throw conflict(`${refusal(owner)}all ports from ${from} to ${to} are allocated`);
  }

  async #hold(owner: Owner, ports: readonly PublishedPort[], containerAddress: string): Promise<Hold[]> {
    await using undo = new AsyncDisposableStack();
    const holds = ports.map((port) => {
      const holder = this.#holderOf(port);
      if (holder) {
        throw conflict(
          `${refusal(owner)}Bind for ${showAddress(port.hostAddress)}:${port.hostPort} failed: port is already allocated (by container ${holder.containerId.slice(0, 12)})`,
        );
      }
      return undo.use(this.#enter({ port, containerId: owner.containerId }, { address: containerAddress, port: port.containerPort }));
    });
    for (const hold of holds) {
      const { port } = hold.entry;
      try {
        hold.keep(await holdPort(port.protocol, port.hostAddress, port.hostPort, hold.target, this.#options.clock));
      } catch (error) {
        throw bindFailure(owner, port, error);
      }
    }
    undo.move();
    return holds;
  }

  #addressesOf(hostAddress: string): string[] {
    if (hostAddress === '') return this.#options.ipv6 ? [EVERY.ipv4, EVERY.ipv6] : [EVERY.ipv4];
    if (isIPv4(hostAddress)) return [hostAddress];
    if (!isIPv6(hostAddress)) throw invalid(`invalid IP address in a published port: "${hostAddress}"`);
    if (!this.#options.ipv6)
      throw invalid(`cannot publish a port on ${hostAddress}: this host has no IPv6, or the relay for it is switched off`);
    return [hostAddress];
  }

  *#candidates(range: PortRequest['hostPorts']): Generator<number> {
    // Port 0 means any, as bind(2) has it.
    if (range && range.to !== 0) {
      for (let port = range.from; port <= range.to; port += 1) yield port;
      return;
    }
    const count = EPHEMERAL.to - EPHEMERAL.from + 1;
    for (let tried = 0; tried < count; tried += 1) {
      const port = this.#nextEphemeral;
      this.#nextEphemeral = port === EPHEMERAL.to ? EPHEMERAL.from : port + 1;
      yield port;
    }
  }

  /** Disposing strikes the entry out, and closes the socket that was given to keep. */
  #enter(entry: Entry, target: Target): Hold & { keep(socket: AsyncDisposable): void } {
    const key = keyOf(entry.port);
    const kept = new AsyncDisposableStack();
    this.#entries.set(key, [...(this.#entries.get(key) ?? []), entry]);
    kept.defer(() => {
      const rest = (this.#entries.get(key) ?? []).filter((other) => other !== entry);
      if (rest.length > 0) this.#entries.set(key, rest);
      else this.#entries.delete(key);
    });
    return { entry, target, keep: (socket) => void kept.use(socket), [Symbol.asyncDispose]: () => kept.disposeAsync() };
  }

  #holderOf(port: PublishedPort): Entry | undefined {
    return this.#entries.get(keyOf(port))?.find((entry) => addressesMeet(entry.port.hostAddress, port.hostAddress));
  }
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
function passedOn({ protocol, containerPort, hostPorts }: PortRequest, addresses: readonly string[], holds: readonly Hold[]): Hold[] {
  const any = hostPorts === undefined || hostPorts.to === 0;
  const fitting = holds.filter(
    ({ entry: { port } }) =>
      port.protocol === protocol &&
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

/** Docker's words: tools look for them. */
function refusal(owner: Owner): string {
  return `failed to set up container networking: driver failed programming external connectivity on endpoint ${owner.name} (${owner.endpointId}): `;
}

/** Two addresses of one family of which one means all. */
function addressesMeet(a: string, b: string): boolean {
  if (isIPv6(a) !== isIPv6(b)) return false;
  return a === b || [a, b].some((address) => address === EVERY.ipv4 || address === EVERY.ipv6);
}

const showAddress = (address: string) => (isIPv6(address) ? `[${address}]` : address);

const SOCKET_WORDS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'cannot assign requested address',
  EACCES: 'permission denied',
};

function bindFailure(owner: Owner, port: PublishedPort, error: unknown): GantryError {
  const code = errnoOf(error) ?? '';
  const reason = SOCKET_WORDS[code] ?? code;
  const family = `${port.protocol as Protocol}${isIPv6(port.hostAddress) ? 6 : 4}`;
  const message = `${refusal(owner)}listen ${family} ${showAddress(port.hostAddress)}:${port.hostPort}: bind: ${reason}`;
  return new GantryError(code === 'EADDRINUSE' ? 'conflict' : 'invalid', message, {
    cause: error,
    ...(code === 'EADDRINUSE' ? { hint: 'Another program of this host has the port' } : {}),
  });
}
