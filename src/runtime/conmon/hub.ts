import type { SeqpacketConnection } from '../../host/index.ts';
import type { StreamSession } from '../runtime.ts';
import { HubSession } from './session.ts';

/** conmon reads at most 32 KiB of a packet and drops the rest. */
const LARGEST_PACKET = 16 * 1024;
/** conmon's first byte of a packet: 2 for stdout or the terminal, 3 for stderr. */
const STDERR_MARK = 3;
const WRITE_MARK = 256 * 1024;
/** How often a blocked hub looks whether its process is still there, in milliseconds. */
const LOOK_INTERVAL = 200;

export interface HubOptions {
  /** False: what clients write is dropped, for the process has no input of ours. */
  acceptsInput: boolean;
  /** What the end of one client's input means: the process reads end-of-file, or nothing. */
  closesInput: boolean;
  /** Stay connected when no reader is left: conmon ends the input of a `stdinOnce` process when we hang up. */
  lingers: boolean;
  /** True while the process runs. */
  alive(): boolean;
  later(ms: number, run: () => void): () => void;
  /** The connection is gone; the hub is of no more use. */
  onGone(): void;
}

/**
 * All readers of one process's streams over one connection to conmon's attach socket. One connection, because
 * conmon writes to each in turn and ends the process's input when any of them hangs up. A reader that waits
 * stops the connection, and so the process, but never after the process has ended: then the little that is left
 * is taken into memory, so that a stuck client cannot hide an exit.
 */
export class StreamHub {
  #connection: SeqpacketConnection;
  #options: HubOptions;
  #sessions = new Set<HubSession>();
  #pending = 0;
  #stopped = false;
  #inputEnded = false;
  #gone = false;
  #cancelLook: (() => void) | undefined;

  constructor(connection: SeqpacketConnection, options: HubOptions) {
    this.#connection = connection;
    this.#options = options;
    connection.onEnd(() => this.#lost());
  }

  get gone(): boolean {
    return this.#gone;
  }

  join(): StreamSession {
    const session = new HubSession(this);
    if (this.#gone) {
      session.finish();
      return session;
    }
    this.#sessions.add(session);
    if (this.#sessions.size === 1) this.#connection.onMarked((mark, data) => this.#take(mark, data));
    this.flowChanged();
    return session;
  }

  leave(session: HubSession): void {
    this.#sessions.delete(session);
    if (this.#gone) return;
    if (this.#sessions.size === 0 && !this.#options.lingers) this.#hangUp();
    else this.flowChanged();
  }

  write(data: Uint8Array): boolean {
    if (this.#gone || this.#inputEnded || !this.#options.acceptsInput) return true;
    // The caller may use its buffer again once write has returned.
    const copy = Uint8Array.prototype.slice.call(data);
    this.#pending += copy.length;
    const parts: Promise<void>[] = [];
    for (let at = 0; at < copy.length; at += LARGEST_PACKET) parts.push(this.#connection.write(copy.subarray(at, at + LARGEST_PACKET)));
    // A broken connection is told by onEnd.
    void Promise.allSettled(parts).then(() => {
      const before = this.#pending;
      this.#pending -= copy.length;
      if (before > WRITE_MARK && this.#pending <= WRITE_MARK) for (const session of this.#sessions) session.drained();
    });
    return this.#pending <= WRITE_MARK;
  }

  endInput(): void {
    if (this.#gone || this.#inputEnded || !this.#options.closesInput) return;
    this.#inputEnded = true;
    this.#connection.shutdownWrite().catch(() => {});
  }

  /** A session began or ceased to wait. */
  flowChanged(): void {
    if (this.#gone) return;
    const stop = [...this.#sessions].some((session) => session.blocking) && this.#options.alive();
    if (stop === this.#stopped) return;
    this.#stopped = stop;
    if (stop) {
      this.#connection.pause();
      this.#lookLater();
    } else {
      this.#cancelLook?.();
      this.#connection.resume();
    }
  }

  #lookLater(): void {
    this.#cancelLook = this.#options.later(LOOK_INTERVAL, () => {
      this.flowChanged();
      if (this.#stopped && !this.#gone) this.#lookLater();
    });
  }

  #take(mark: number, data: Buffer): void {
    const stream = mark === STDERR_MARK ? 2 : 1;
    for (const session of this.#sessions) session.deliver(stream, data);
  }

  #lost(): void {
    if (this.#gone) return;
    this.#hangUp();
    for (const session of this.#sessions) session.finish();
  }

  #hangUp(): void {
    this.#gone = true;
    this.#cancelLook?.();
    this.#connection.close();
    this.#options.onGone();
    if (this.#pending > WRITE_MARK) for (const session of this.#sessions) session.drained();
  }
}
