import { GantryError, invalid } from '../../../base/index.ts';
import type { ClientDirectory, ClientEntry, DirectoryFilter } from '../../../build/index.ts';
import type { ClientCall } from '../grpc/client.ts';
import { PACKET, Packet } from '../wire/session.ts';
import { Flow } from './flow.ts';
import { Listing } from './listing.ts';
import type { Session } from './sessions.ts';

const METHOD = '/moby.filesync.v1.FileSync/DiffCopy';
/** Bytes that wait to be taken before no more are read from the client. */
const BUFFERED = 8 * 1024 * 1024;

/** Opens a directory of the client's: `context`, `dockerfile` or the name of a further context. */
export function receiveDirectory(session: Session, name: string, filter: DirectoryFilter, signal: AbortSignal): ClientDirectory {
  const metadata = {
    ...header('dir-name', [name]),
    ...header('followpaths', filter.followPaths),
    ...header('exclude-patterns', filter.excludePatterns),
  };
  return new ReceivedDirectory(session.client.open(METHOD, metadata, signal));
}

/** Headers hold ASCII: others are escaped as in a URL's query, and a mark says so. */
function header(name: string, values: readonly string[]): Record<string, string | readonly string[]> {
  if (values.length === 0) return {};
  if (values.every((value) => /^[\x20-\x7e]*$/.test(value))) return { [name]: values };
  return { [name]: values.map((value) => encodeURIComponent(value).replaceAll('%20', '+')), [`${name}-encoded`]: '1' };
}

/**
 * The receiving side of fsutil's dialogue: the client lists its files, each known by its place in the list; we ask for contents
 * at any time; pieces of several files come interleaved.
 */
class ReceivedDirectory implements ClientDirectory {
  readonly #call: ClientCall;
  readonly #entries = new Flow<ClientEntry>();
  readonly #ids = new Map<ClientEntry, number>();
  readonly #files = new Map<number, Flow<Uint8Array>>();
  readonly #listing = new Listing();
  readonly #pump: Promise<void>;
  #listed = 0;
  #listEnded = false;
  #finishing = false;
  #finished = false;
  #abandoned = false;
  #waiting = 0;
  #room: (() => void) | undefined;

  constructor(call: ClientCall) {
    this.#call = call;
    this.#pump = this.#receive();
    // Whoever reads entries or files is told.
    this.#pump.catch(() => {});
  }

  entries(): AsyncIterable<ClientEntry> {
    return this.#entries;
  }

  /** Nothing is asked for before the first piece is wanted. */
  async *read(entry: ClientEntry): AsyncGenerator<Uint8Array> {
    const id = this.#ids.get(entry);
    if (id === undefined || entry.type !== 'file') throw new TypeError(`${entry.path} is not a regular file of this listing`);
    if (this.#files.has(id)) throw new TypeError(`${entry.path} is being read already`);
    const flow = new Flow<Uint8Array>((data) => this.#took(data.length));
    this.#files.set(id, flow);
    if (this.#failure) throw this.#failure;
    await this.#call.send(Packet.encode({ type: PACKET.request, id }));
    try {
      yield* flow;
    } finally {
      flow.discard();
    }
  }

  async finish(): Promise<void> {
    this.#finishing = true;
    await this.#call.send(Packet.encode({ type: PACKET.finish }));
    this.#call.end();
    await this.#pump;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abandoned = true;
    await this.#call[Symbol.asyncDispose]();
    this.#room?.();
    await this.#pump.catch(() => {});
  }

  #failure: unknown;

  async #receive(): Promise<void> {
    try {
      for await (const message of this.#call.messages()) {
        this.#take(Packet.decode(message));
        if (this.#abandoned) return;
        if (this.#waiting > BUFFERED) await new Promise<void>((resolve) => (this.#room = resolve));
      }
      if (!this.#finished) throw new GantryError('unavailable', 'the client ended the transfer of its files too early');
    } catch (error) {
      this.#failure = error;
      this.#entries.fail(error);
      for (const flow of this.#files.values()) flow.fail(error);
      throw error;
    }
  }

  #take(packet: ReturnType<typeof Packet.decode>): void {
    if (packet.type === PACKET.stat) return this.#takeStat(packet);
    if (packet.type === PACKET.data) return this.#takeData(packet.id, packet.data);
    if (packet.type === PACKET.error)
      throw new GantryError('unavailable', `the client failed to send its files: ${Buffer.from(packet.data).toString('utf8')}`);
    if (packet.type !== PACKET.finish || !this.#finishing) throw invalid(`the client sent an unexpected packet of type ${packet.type}`);
    this.#finished = true;
  }

  #takeStat({ stat }: ReturnType<typeof Packet.decode>): void {
    if (this.#listEnded) throw invalid('the client lists more files after the end of its list');
    if (!stat) {
      this.#listEnded = true;
      this.#entries.end();
      return;
    }
    const id = this.#listed;
    this.#listed += 1;
    const entry = this.#listing.next(stat);
    if (!entry) return;
    if (entry.type === 'file') this.#ids.set(entry, id);
    this.#entries.push(entry);
  }

  #takeData(id: number, data: Uint8Array): void {
    const flow = this.#files.get(id);
    if (!flow || flow.ended) throw invalid(`the client sent content of file ${id}, which was not asked for`);
    if (data.length === 0) return flow.end();
    if (flow.discarded) return;
    this.#waiting += data.length;
    flow.push(data);
  }

  #took(bytes: number): void {
    this.#waiting -= bytes;
    if (this.#waiting > BUFFERED) return;
    this.#room?.();
    this.#room = undefined;
  }
}
