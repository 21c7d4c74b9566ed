import type { Readable } from 'node:stream';

const HEADER_BYTES = 8;

export interface FrameSink {
  stdout(data: Buffer): void;
  stderr(data: Buffer): void;
}

/**
 * Cuts Docker's multiplexed stream: a header of 8 bytes (kind 0–3, three zeros, big-endian length), then the payload.
 * Payload is handed on as it arrives, also in pieces. Kind 3 is an error of the engine itself.
 */
export class FrameSplitter {
  #header = Buffer.alloc(HEADER_BYTES);
  #headerFilled = 0;
  #left = 0;
  #kind = 0;
  #systemError: Buffer[] = [];
  readonly #sink: FrameSink;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  push(chunk: Buffer): void {
    // A chunk holds many short frames, often one for each line: runs of one kind are handed on as one piece.
    let run: Buffer[] = [];
    let runKind = this.#kind;
    let at = 0;
    while (at < chunk.length) {
      if (this.#left === 0) {
        at += this.#readHeader(chunk, at);
        continue;
      }
      if (this.#kind !== runKind) {
        this.#deliver(runKind, run);
        run = [];
        runKind = this.#kind;
      }
      const end = Math.min(chunk.length, at + this.#left);
      run.push(chunk.subarray(at, end));
      this.#left -= end - at;
      at = end;
    }
    this.#deliver(runKind, run);
  }

  /** Takes what is missing of the header; returns how many bytes that were. */
  #readHeader(chunk: Buffer, at: number): number {
    const copied = chunk.copy(this.#header, this.#headerFilled, at, at + HEADER_BYTES - this.#headerFilled);
    this.#headerFilled += copied;
    if (this.#headerFilled === HEADER_BYTES) this.#startFrame();
    return copied;
  }

  #startFrame(): void {
    this.#headerFilled = 0;
    this.#kind = this.#header[0] ?? 0;
    this.#left = this.#header.readUInt32BE(4);
    if (this.#kind > 3) throw new Error(`Unrecognized input header: ${this.#kind}`);
  }

  #deliver(kind: number, run: readonly Buffer[]): void {
    if (run.length === 0) return;
    const data = run.length === 1 ? (run[0] as Buffer) : Buffer.concat(run);
    if (kind === 2) this.#sink.stderr(data);
    else if (kind === 3) this.#systemError.push(data);
    else this.#sink.stdout(data);
  }

  /** Call at the end of the stream: throws what the engine reported about the stream itself. */
  end(): void {
    if (this.#systemError.length > 0) throw new Error(`error from daemon in stream: ${Buffer.concat(this.#systemError).toString('utf8')}`);
  }
}

/** Writes a framed or raw output stream to the sink until it ends. */
export function copyOutput(source: Readable, multiplexed: boolean, sink: FrameSink): Promise<void> {
  const splitter = multiplexed ? new FrameSplitter(sink) : undefined;
  return new Promise((resolve, reject) => {
    source.on('data', (chunk: Buffer) => {
      try {
        if (splitter) splitter.push(chunk);
        else sink.stdout(chunk);
      } catch (error) {
        source.destroy();
        reject(error);
      }
    });
    const finish = () => {
      try {
        splitter?.end();
        resolve();
      } catch (error) {
        reject(error);
      }
    };
    source.on('end', finish);
    source.on('close', finish);
    // A reset after the container has gone is how some engines end a stream.
    source.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' || error.code === 'EPIPE' ? finish() : reject(error),
    );
  });
}
