import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { Sink } from '../ring.ts';

const CAPACITY = 512 * 1024;

/** Writes to a descriptor (a pipe that blocks) in large pieces, and digests what goes through. */
export class DescriptorSink extends Sink {
  readonly #fd: number;
  readonly #buffer = Buffer.allocUnsafeSlow(CAPACITY);
  readonly #hash = createHash('sha256');
  readonly #count: BigInt64Array | undefined;
  #filled = 0;

  constructor(fd: number, count?: SharedArrayBuffer) {
    super();
    this.#fd = fd;
    this.#count = count && new BigInt64Array(count);
  }

  roomBlocking(): Buffer {
    if (this.#filled === CAPACITY) this.#flush();
    return this.#buffer.subarray(this.#filled);
  }

  wrote(count: number): void {
    this.#filled += count;
  }

  /** Writes the rest. Answers the digest of everything, once. */
  end(): string {
    this.#flush();
    return `sha256:${this.#hash.digest('hex')}`;
  }

  #flush(): void {
    const bytes = this.#buffer.subarray(0, this.#filled);
    this.#hash.update(bytes);
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done);
    if (this.#count) Atomics.add(this.#count, 0, BigInt(bytes.length));
    this.#filled = 0;
  }
}
