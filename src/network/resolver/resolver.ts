import type net from 'node:net';
import { describe, type Log } from '../../base/index.ts';
import type { Directory } from '../directory.ts';
import { answerOf } from './answer.ts';
import { type Door, openDoor } from './door.ts';
import { type Answer, CODE, type Query, readQuery, writeAnswer } from './packet.ts';
import { framed, type Transport, type Upstream } from './upstream.ts';

/** Questions of one container that wait for the world at a time; more are refused at once. */
const MOST_WAITING = 1000;
/** Connections of one container at a time. */
const MOST_CONNECTIONS = 100;
/** A connection that is silent for so long is closed. */
const SILENCE_MILLISECONDS = 10_000;
const MOST_BYTES = 65_535;

export interface ResolverParts {
  directory: Directory;
  upstream: Upstream;
  log: Log;
  /** From 0 up to but not including 1. */
  random: () => number;
}

/** A container that asks. */
export interface Client {
  containerId: string;
  /** File of its network namespace. */
  namespace: string;
  /** Addresses of the servers that it wants asked for names of the world; the host's when empty. */
  servers: readonly string[];
  /** Whether one of its networks leads to the world now. */
  leadsOut(): boolean;
}

interface Room {
  client: Client;
  stop: AbortController;
  door?: Door;
  waiting: number;
}

type Reply = (packet: Buffer) => void;

/**
 * The resolver at 127.0.0.11 of each container that is on a network with discovery. What its networks know is answered from memory; what they do
 * not know is asked of the host's servers, or from within the container of those that it named. While the daemon is away nobody answers.
 */
export class Resolver implements Disposable {
  readonly #parts: ResolverParts;
  readonly #rooms = new Map<string, Room>();

  constructor(parts: ResolverParts) {
    this.#parts = parts;
  }

  /**
   * Answers the container from now on, at the sockets that an earlier daemon has left, if there are any. Resolves to its sockets; to nothing when it is answered
   * already.
   */
  async open(client: Client, left: readonly number[] = []): Promise<readonly number[] | undefined> {
    if (this.#rooms.has(client.containerId)) return undefined;
    const room: Room = { client, stop: new AbortController(), waiting: 0 };
    this.#rooms.set(client.containerId, room);
    try {
      const door = await openDoor(client.namespace, left, this.#parts.log);
      if (room.stop.signal.aborted) {
        door[Symbol.dispose]();
        return undefined;
      }
      room.door = door;
      this.#listen(room, door);
      return door.sockets;
    } catch (error) {
      if (this.#rooms.get(client.containerId) === room) this.#rooms.delete(client.containerId);
      throw error;
    }
  }

  /** Idempotent. */
  close(containerId: string): void {
    const room = this.#rooms.get(containerId);
    this.#rooms.delete(containerId);
    room?.stop.abort();
    room?.door?.[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    for (const id of [...this.#rooms.keys()]) this.close(id);
  }

  #listen(room: Room, { datagrams, connections }: Door): void {
    const { log } = this.#parts;
    const container = room.client.containerId.slice(0, 12);
    datagrams.on('message', (packet, { address, port }) => {
      this.#serve(room, packet, 'udp', (answer) => {
        if (!room.stop.signal.aborted) datagrams.send(answer, port, address, () => {});
      });
    });
    datagrams.on('error', (error) => log.warn('A container cannot ask for names by UDP', { container, error: describe(error) }));
    connections.maxConnections = MOST_CONNECTIONS;
    connections.on('connection', (socket) => this.#converse(room, socket));
    connections.on('error', (error) => log.warn('A container cannot ask for names by TCP', { container, error: describe(error) }));
  }

  /** Messages on a connection follow their length, RFC 1035 4.2.2; several may be under way (RFC 7766). */
  #converse(room: Room, socket: net.Socket): void {
    let received: Buffer = Buffer.alloc(0);
    const close = () => socket.destroy();
    room.stop.signal.addEventListener('abort', close, { once: true });
    socket.on('close', () => room.stop.signal.removeEventListener('abort', close));
    socket.on('error', close);
    socket.setTimeout(SILENCE_MILLISECONDS, close);
    socket.on('data', (data: Buffer) => {
      received = received.length === 0 ? data : Buffer.concat([received, data]);
      while (received.length >= 2) {
        const end = 2 + received.readUInt16BE(0);
        if (received.length < end) return;
        this.#serve(room, received.subarray(2, end), 'tcp', (answer) => socket.writable && socket.write(framed(answer)));
        received = received.subarray(end);
      }
    });
  }

  #serve(room: Room, packet: Buffer, transport: Transport, reply: Reply): void {
    const query = readQuery(packet);
    if (!query) return;
    if ('refusal' in query) return reply(query.refusal);
    const { directory } = this.#parts;
    const answer = answerOf(query, directory.of(room.client.containerId), directory);
    if (answer) return reply(this.#write(query, { ...answer, answers: this.#shuffled(answer.answers) }, transport));
    void this.#askWorld(room, packet, query, transport).then(reply);
  }

  #write(query: Query, answer: Answer, transport: Transport): Buffer {
    return writeAnswer(query, answer, transport === 'tcp' ? MOST_BYTES : query.room);
  }

  async #askWorld(room: Room, packet: Buffer, query: Query, transport: Transport): Promise<Buffer> {
    const failure = (code: number) => this.#write(query, { code, answers: [] }, transport);
    const { namespace, servers } = room.client;
    // Servers that it named itself are asked from its own place, which may not reach them.
    if (servers.length === 0 && !room.client.leadsOut()) return failure(CODE.serverFailure);
    if (room.waiting >= MOST_WAITING) return failure(CODE.refused);
    room.waiting += 1;
    try {
      const within = servers.length > 0 ? { within: { namespace, servers } } : {};
      const answer = await this.#parts.upstream.ask({ packet, question: query.question, transport, ...within }, room.stop.signal);
      return answer ?? failure(CODE.serverFailure);
    } catch (error) {
      this.#parts.log.warn('Names of the world cannot be asked for', { error: describe(error) });
      return failure(CODE.serverFailure);
    } finally {
      room.waiting -= 1;
    }
  }

  /** In an order of chance, so that clients that take the first share the load. */
  #shuffled<T>(items: readonly T[]): readonly T[] {
    if (items.length < 2) return items;
    const { random } = this.#parts;
    const mixed = [...items];
    for (let last = mixed.length - 1; last > 0; last -= 1) {
      const other = Math.floor(random() * (last + 1));
      [mixed[last], mixed[other]] = [mixed[other] as T, mixed[last] as T];
    }
    return mixed;
  }
}
