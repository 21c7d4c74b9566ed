import dgram from 'node:dgram';
import { closeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import { type Clock, errnoOf, invalid } from '../../base/index.ts';
import { connectInet, netlink, openInet } from '../../host/index.ts';
import { ipBytes, parseIp } from '../addresses/index.ts';
import { PUBLIC_SERVERS, parseResolver, RESOLVER_ADDRESS } from '../names/resolver.ts';
import { answersQuestion, CODE, codeOf } from './packet.ts';

const PORT = 53;
/** Clients give up after five seconds, resolv.conf(5): three servers must have their turn before. */
const MOST_SERVERS = 3;
const PATIENCE_MILLISECONDS = 1500;
/** How old what we know of the host's servers may be. */
const FRESH_MILLISECONDS = 1000;

export type Transport = 'udp' | 'tcp';

/** A question for servers of the world. */
export interface Request {
  /** The whole message, as the client wrote it. */
  packet: Buffer;
  /** The part of it that an answer must repeat. */
  question: Buffer;
  transport: Transport;
  /** Addresses of servers that are asked from within a container; the host's own servers are asked by the host when absent. */
  within?: { namespace: string; servers: readonly string[] };
}

/** The name servers of the world, asked on behalf of containers. */
export class Upstream {
  readonly #clock: Clock;
  readonly #file: string;
  readonly #random: () => number;
  #known: { servers: readonly string[]; until: number } | undefined;

  /** `file` is the host's resolv.conf: what it says later counts from then on. `random` gives numbers from 0 to 65535. */
  constructor(file: string, clock: Clock, random: () => number) {
    this.#file = file;
    this.#clock = clock;
    this.#random = random;
  }

  /** The answer with the id of the question; undefined when no server gave any. The first that can say something wins. */
  async ask(request: Request, signal: AbortSignal): Promise<Buffer | undefined> {
    const servers = request.within?.servers.filter((server) => server !== RESOLVER_ADDRESS) ?? (await this.#hostServers());
    let refusal: Buffer | undefined;
    for (const server of servers.slice(0, MOST_SERVERS)) {
      const answer = await this.#askOne(request, server, signal);
      if (answer && codeOf(answer) !== CODE.serverFailure && codeOf(answer) !== CODE.refused) return answer;
      refusal ??= answer;
      if (signal.aborted) return undefined;
    }
    return refusal;
  }

  async #hostServers(): Promise<readonly string[]> {
    const now = this.#clock.now();
    if (this.#known && now < this.#known.until) return this.#known.servers;
    const text = await readFile(this.#file, 'utf8').catch((error) => {
      if (errnoOf(error) === 'ENOENT') return '';
      throw error;
    });
    const { servers } = parseResolver(text);
    this.#known = { servers: servers.length > 0 ? servers : PUBLIC_SERVERS, until: now + FRESH_MILLISECONDS };
    return this.#known.servers;
  }

  /** Under an id of its own and from a port that the kernel chooses: both must be guessed to forge an answer. */
  async #askOne(request: Request, server: string, signal: AbortSignal): Promise<Buffer | undefined> {
    const packet = Buffer.from(request.packet);
    packet.writeUInt16BE(this.#random(), 0);
    const fits = (answer: Buffer) => answersQuestion(answer, request.question) && answer.readUInt16BE(0) === packet.readUInt16BE(0);
    const exchange = request.transport === 'udp' ? byDatagram : byConnection;
    const answer = await exchange(packet, { server, namespace: request.within?.namespace, fits, clock: this.#clock, signal });
    answer?.writeUInt16BE(request.packet.readUInt16BE(0), 0);
    return answer;
  }
}

interface Exchange {
  server: string;
  /** Where the server is asked from; the daemon's own namespace when absent. */
  namespace: string | undefined;
  fits(answer: Buffer): boolean;
  clock: Clock;
  signal: AbortSignal;
}

/** Resolves once: to what fits, or to nothing when time is up, the way is blocked, or nobody wants to know any more. */
function waiting({ clock, signal }: Exchange, begin: (done: (answer?: Buffer) => void) => () => void): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    let close: (() => void) | undefined;
    let over = false;
    const done = (answer?: Buffer) => {
      if (over) return;
      over = true;
      cancel();
      signal.removeEventListener('abort', stop);
      close?.();
      resolve(answer);
    };
    const stop = () => done();
    const cancel = clock.later(PATIENCE_MILLISECONDS, stop);
    signal.addEventListener('abort', stop, { once: true });
    try {
      close = begin(done);
    } catch {
      // Not reachable from there: as good as no answer.
      return done();
    }
    if (over) close();
  });
}

function byDatagram(packet: Buffer, exchange: Exchange): Promise<Buffer | undefined> {
  const { server, namespace, fits } = exchange;
  return waiting(exchange, (done) => {
    const socket = dgram.createSocket(net.isIPv6(server) ? 'udp6' : 'udp4');
    socket.on('error', () => done());
    socket.on('message', (answer) => {
      if (fits(answer)) done(answer);
    });
    const begin = () => {
      // It was given up meanwhile.
      if (exchange.signal.aborted) return done();
      socket.connect(PORT, server, (error?: Error) => (error ? done() : socket.send(packet)));
    };
    if (namespace === undefined) begin();
    else socket.bind({ fd: openWithin(namespace, 'udp', server) }, begin);
    return () => socket.close();
  });
}

function byConnection(packet: Buffer, exchange: Exchange): Promise<Buffer | undefined> {
  const { server, namespace, fits } = exchange;
  return waiting(exchange, (done) => {
    const socket = namespace === undefined ? net.connect(PORT, server) : new net.Socket({ fd: openWithin(namespace, 'tcp', server) });
    let received: Buffer = Buffer.alloc(0);
    socket.on('error', () => done());
    socket.on('close', () => done());
    socket.on('data', (data: Buffer) => {
      received = Buffer.concat([received, data]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const answer = received.subarray(2, 2 + received.readUInt16BE(0));
      done(fits(answer) ? Buffer.from(answer) : undefined);
    });
    socket.write(framed(packet));
    return () => socket.destroy();
  });
}

/** A message as a connection carries it, RFC 1035 4.2.2. */
export function framed(packet: Buffer): Buffer {
  return Buffer.concat([Uint8Array.of(packet.length >> 8, packet.length & 255), packet]);
}

/** A socket in a container's namespace; a stream is on its way to the server. */
function openWithin(namespace: string, transport: Transport, server: string): number {
  return netlink.insideNamespace(namespace, () => {
    const ip = parseIp(server);
    if (!ip) throw invalid(`dns: ${server} is no address that a container can ask`);
    const fd = openInet(transport, ip.family);
    try {
      if (transport === 'tcp') connectInet(fd, ipBytes(ip), PORT);
      return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  });
}
