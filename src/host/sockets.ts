import { closeSync, constants, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf, GantryError } from '../base/index.ts';
import { connectSeqpacketFd, O_PATH, type PollHandle, pollFd, receive, send, shutdownWriting } from './kernel/index.ts';

// sockaddr_un holds 108 bytes, with the end mark.
const MAX_SOCKET_PATH = 107;
const CONNECT_ATTEMPTS = 50;
const CONNECT_PAUSE_MS = 10;
// Larger than any packet of the monitor (8 KiB and one byte).
const RECEIVE_BYTES = 65536;
// The monitor reads at most this much of one packet; the rest of a larger one would be lost.
const SEND_BYTES = 8192;
// Room that must be left for one more packet.
const LARGEST_PACKET = 16_384;
// How many packets are taken before other events get their turn.
const PACKETS_PER_TURN = 64;

/** A connected SOCK_SEQPACKET socket: what one side sends in one call, the other receives in one packet. */
export interface SeqpacketConnection {
  /** Starts the flow (unless paused). Each packet is the callback's own. Set it once. */
  onPacket(callback: (packet: Buffer) => void): void;
  /**
   * In place of onPacket, for packets whose first byte tells what they are: those with the same byte that are there at
   * the same time come joined and without it. `data` is valid only during the call.
   */
  onMarked(callback: (mark: number, data: Buffer) => void): void;
  /** The peer has closed (no error), or the connection broke. Called once; not after close(). */
  onEnd(callback: (error?: Error) => void): void;
  /** Resolves when the kernel has taken all of it, in packets of at most 8 KiB. Writes keep their order. */
  write(data: Uint8Array): Promise<void>;
  /** After the writes before it: the peer reads end of file; packets still arrive. */
  shutdownWrite(): Promise<void>;
  /** While paused the peer's queue fills up and holds it back. */
  pause(): void;
  resume(): void;
  /** Idempotent. Writes that still wait are rejected. */
  close(): void;
}

/** Connects to the SOCK_SEQPACKET socket at `path`, of any length. Errors are Node's own (`ENOENT`, `ECONNREFUSED` …). */
export async function connectSeqpacket(path: string): Promise<SeqpacketConnection> {
  for (let attempt = 1; ; attempt += 1) {
    const result = connectOnce(path);
    if ('fd' in result) return new Connection(result.fd);
    // The listener's queue is full; it empties as soon as the peer accepts.
    if (errnoOf(result.error) !== 'EAGAIN' || attempt === CONNECT_ATTEMPTS) throw result.error;
    await sleep(CONNECT_PAUSE_MS);
  }
}

function connectOnce(path: string): ReturnType<typeof connectSeqpacketFd> {
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH) return connectSeqpacketFd(path);
  const folder = openSync(dirname(path), O_PATH | constants.O_DIRECTORY);
  try {
    return connectSeqpacketFd(`/proc/self/fd/${folder}/${basename(path)}`);
  } finally {
    closeSync(folder);
  }
}

interface PendingWrite {
  /** Absent: shut the writing side down. */
  data?: Uint8Array;
  resolve(): void;
  reject(error: unknown): void;
}

class Connection implements SeqpacketConnection {
  readonly #fd: number;
  readonly #poll: PollHandle;
  readonly #buffer = Buffer.allocUnsafe(RECEIVE_BYTES);
  #queue: PendingWrite[] = [];
  #packet: ((packet: Buffer) => void) | undefined;
  #marked: ((mark: number, data: Buffer) => void) | undefined;
  #ended: ((error?: Error) => void) | undefined;
  #paused = false;
  #open = true;
  #readable = true;
  #end: { error?: Error } | undefined;
  #watching = '';

  constructor(fd: number) {
    this.#fd = fd;
    this.#poll = pollFd(fd, { readable: true }, () => {});
    this.#poll.stop();
  }

  onPacket(callback: (packet: Buffer) => void): void {
    this.#packet = callback;
    this.#watch();
  }

  onMarked(callback: (mark: number, data: Buffer) => void): void {
    this.#marked = callback;
    this.#watch();
  }

  onEnd(callback: (error?: Error) => void): void {
    this.#ended = callback;
    const end = this.#end;
    if (end) queueMicrotask(() => callback(end.error));
  }

  write(data: Uint8Array): Promise<void> {
    return this.#enqueue({ data });
  }

  shutdownWrite(): Promise<void> {
    return this.#enqueue({});
  }

  pause(): void {
    this.#paused = true;
    this.#watch();
  }

  resume(): void {
    this.#paused = false;
    this.#watch();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#poll.close();
    closeSync(this.#fd);
    this.#rejectWrites(new GantryError('unavailable', 'The connection was closed'));
  }

  #enqueue(work: { data?: Uint8Array }): Promise<void> {
    if (!this.#open) return Promise.reject(new GantryError('unavailable', 'The connection is closed'));
    return new Promise((resolve, reject) => {
      this.#queue.push({ ...work, resolve, reject });
      if (this.#queue.length === 1) this.#flush();
    });
  }

  #flush(): void {
    try {
      while (this.#queue.length > 0 && this.#sendFirst(this.#queue[0] as PendingWrite)) this.#queue.shift()?.resolve();
    } catch (error) {
      this.#rejectWrites(error);
    }
    this.#watch();
  }

  /** False when the peer's queue is full; what was sent until then is cut off. */
  #sendFirst(first: PendingWrite): boolean {
    if (first.data === undefined) {
      shutdownWriting(this.#fd);
      return true;
    }
    while (first.data.length > 0) {
      const sent = send(this.#fd, first.data.subarray(0, SEND_BYTES));
      if (sent === undefined) return false;
      first.data = first.data.subarray(sent);
    }
    return true;
  }

  #receive(): void {
    for (let count = 0; count < PACKETS_PER_TURN && this.#open && this.#readable && !this.#paused; count += 1) {
      let size: number | undefined;
      try {
        size = receive(this.#fd, this.#buffer);
      } catch (error) {
        return this.#finish(error as Error);
      }
      if (size === undefined) return;
      if (size === 0) return this.#finish();
      this.#packet?.(Buffer.from(this.#buffer.subarray(0, size)));
    }
  }

  /**
   * Receives each packet so that its mark falls on the last byte of the one before, which is put back: the contents lie side
   * by side without a copy.
   */
  #receiveMarked(deliver: (mark: number, data: Buffer) => void): void {
    const buffer = this.#buffer;
    let [start, end, mark] = [0, 0, -1];
    const flush = () => {
      if (end > start) deliver(mark, buffer.subarray(start, end));
      [start, end, mark] = [0, 0, -1];
    };
    for (let count = 0; count < PACKETS_PER_TURN && this.#open && this.#readable && !this.#paused; count += 1) {
      const at = Math.max(0, end - 1);
      const covered = buffer[at] as number;
      let size: number | undefined;
      try {
        size = receive(this.#fd, buffer.subarray(at));
      } catch (error) {
        flush();
        return this.#finish(error as Error);
      }
      if (!size) {
        flush();
        return size === 0 ? this.#finish() : undefined;
      }
      const newMark = buffer[at] as number;
      if (end > 0) buffer[at] = covered;
      if (newMark !== mark) {
        if (end > start) deliver(mark, buffer.subarray(start, end));
        mark = newMark;
        start = at + 1;
      }
      end = at + size;
      if (buffer.length - end < LARGEST_PACKET) flush();
    }
    flush();
  }

  #finish(error?: Error): void {
    this.#readable = false;
    this.#end = error ? { error } : {};
    this.#watch();
    this.#ended?.(error);
  }

  #rejectWrites(error: unknown): void {
    const waiting = this.#queue;
    this.#queue = [];
    for (const write of waiting) write.reject(error);
  }

  #watch(): void {
    if (!this.#open) return;
    const readable = this.#readable && !this.#paused && (this.#packet ?? this.#marked) !== undefined;
    const writable = this.#queue.length > 0;
    const wanted = `${readable}${writable}`;
    if (wanted === this.#watching) return;
    this.#watching = wanted;
    if (!readable && !writable) return this.#poll.stop();
    this.#poll.start({ readable, writable }, (status, events) => {
      if (status < 0 && this.#open)
        return this.#finish(new GantryError('internal', `Watching the connection failed with error ${-status}`));
      if (events.writable && this.#open) this.#flush();
      if (!events.readable || !this.#open) return;
      if (this.#marked) this.#receiveMarked(this.#marked);
      else this.#receive();
    });
  }
}
