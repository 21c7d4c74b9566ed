import { Readable, Writable } from 'node:stream';
import type { StreamSession } from '../../runtime/index.ts';
import { DetachFilter } from './detach.ts';

/** Which output is wanted and in which form. Frames are Docker's: stream number, three zeros, length (big-endian), data. */
export interface OutputForm {
  tty: boolean;
  stdout: boolean;
  stderr: boolean;
}

/** The output of a process as one byte stream; the session may join later, when the process starts. */
export class OutputStream extends Readable {
  #form: OutputForm;
  #session: StreamSession | undefined;
  #ended = false;

  constructor(form: OutputForm) {
    super({ highWaterMark: 256 * 1024 });
    this.#form = form;
  }

  /** `until`: what must have happened before the end is told, such as the exit being on record. */
  bind(session: StreamSession, until?: Promise<unknown>): void {
    this.#session = session;
    session.onOutput((stream, data) => {
      if (this.#ended || (stream === 1 ? !this.#form.stdout : !this.#form.stderr)) return;
      if (!this.push(this.#form.tty ? Buffer.from(data) : frame(stream, data))) session.pause();
    });
    session.onEnd(() => (until ? void until.finally(() => this.finish()) : this.finish()));
  }

  /** Ends the stream after what it has. */
  finish(): void {
    if (this.#ended || this.destroyed) return;
    this.#ended = true;
    this.push(null);
  }

  override _read(): void {
    this.#session?.resume();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#ended = true;
    this.#session?.close();
    callback(error);
  }
}

export function frame(stream: 1 | 2, data: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(8 + data.length);
  framed.writeUInt32BE(stream << 24, 0);
  framed.writeUInt32BE(data.length, 4);
  framed.set(data, 8);
  return framed;
}

/** The input of a process. Writes wait until the session joins; ending it half-closes the process's stdin. */
export class InputStream extends Writable {
  #session: StreamSession | undefined;
  #filter: DetachFilter | undefined;
  #onDetach: () => void;
  #held: (() => void)[] = [];

  constructor(detachKeys: number[] | undefined, onDetach: () => void) {
    super({ highWaterMark: 64 * 1024 });
    this.#filter = detachKeys ? new DetachFilter(detachKeys) : undefined;
    this.#onDetach = onDetach;
  }

  bind(session: StreamSession): void {
    this.#session = session;
    session.onDrain(() => {
      for (const go of this.#held.splice(0)) go();
    });
    for (const go of this.#held.splice(0)) go();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (!this.#session) {
      this.#held.push(() => this._write(chunk, _encoding, callback));
      return;
    }
    const { pass, detached } = this.#filter?.push(chunk) ?? { pass: chunk, detached: false };
    const flowing = pass.length === 0 || this.#session.write(pass);
    if (detached) this.#onDetach();
    if (flowing) callback();
    else this.#held.push(() => callback());
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (this.#session) {
      this.#session.endInput();
      callback();
    } else this.#held.push(() => this._final(callback));
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#held = [];
    callback(error);
  }
}
