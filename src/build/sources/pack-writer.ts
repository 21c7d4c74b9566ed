import { createHash, type Hash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { errnoOf, GantryError } from '../../base/index.ts';

const BATCH = 1024 * 1024;

/** Where the content of a file is. */
export interface Packed {
  pack: string;
  offset: number;
  size: number;
  /** SHA-256, 64 digits. */
  digest: string;
}

/**
 * Contents of many files one after the other in one file: as fast to write as the disk takes bytes, with no file to make for each.
 * What has been packed is never changed, so that builds can share it.
 */
export class PackWriter {
  readonly path: string;
  readonly #fd: number;
  #batch = Buffer.allocUnsafe(64 * 1024);
  #batched = 0;
  #written = 0;
  #start = 0;
  #hash: Hash | undefined;
  #closed = false;

  constructor(path: string) {
    this.path = path;
    this.#fd = openSync(path, 'wx', 0o600);
  }

  /** Bytes in the pack. */
  get size(): number {
    return this.#written + this.#batched;
  }

  /** Begins the next file: one at a time. */
  begin(): void {
    this.#start = this.size;
    this.#hash = createHash('sha256');
  }

  write(chunk: Uint8Array): void {
    (this.#hash as Hash).update(chunk);
    if (chunk.length >= BATCH) {
      this.#flush();
      this.#put(chunk);
      return;
    }
    if (this.#batched + chunk.length > this.#batch.length) this.#grow(chunk.length);
    this.#batch.set(chunk, this.#batched);
    this.#batched += chunk.length;
    if (this.#batched >= BATCH) this.#flush();
  }

  end(): Packed {
    const digest = (this.#hash as Hash).digest('hex');
    this.#hash = undefined;
    return { pack: this.path, offset: this.#start, size: this.size - this.#start, digest };
  }

  /** Whole files only: for content that is at hand. */
  add(content: readonly Uint8Array[]): Packed {
    this.begin();
    for (const chunk of content) this.write(chunk);
    return this.end();
  }

  /** Everything can be read from now on. */
  flush(): void {
    this.#flush();
  }

  sync(): void {
    this.#flush();
    fsyncSync(this.#fd);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#flush();
    } finally {
      closeSync(this.#fd);
    }
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafe(Math.max(this.#batched + needed, Math.min(2 * BATCH, this.#batch.length * 4)));
    larger.set(this.#batch.subarray(0, this.#batched));
    this.#batch = larger;
  }

  #flush(): void {
    const batched = this.#batched;
    this.#batched = 0;
    if (batched > 0) this.#put(this.#batch.subarray(0, batched));
  }

  #put(bytes: Uint8Array): void {
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done);
    } catch (error) {
      const code = errnoOf(error);
      if (code === 'ENOSPC' || code === 'EDQUOT')
        throw new GantryError('unavailable', 'no space left on device while the build context was received', { cause: error });
      throw error;
    }
    this.#written += bytes.length;
  }
}
