import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { errnoOf } from '../../base/index.ts';
import { RegistryError } from '../errors.ts';

/** Bytes gathered before they are written: one system call and one digest update for many packets. */
const BATCH = 1024 * 1024;

/** The growing file of one upload. Its length is the truth about how far the upload is, also after a crash. */
export class UploadFile {
  readonly path: string;
  readonly #handle: FileHandle;
  #offset: number;
  /** Of all bytes so far; undefined when some were written in an earlier life. */
  #hash: Hash | undefined;

  static async open(path: string): Promise<UploadFile> {
    const handle = await open(path, 'a', 0o600);
    const { size } = await handle.stat();
    return new UploadFile(path, handle, size);
  }

  private constructor(path: string, handle: FileHandle, size: number) {
    this.path = path;
    this.#handle = handle;
    this.#offset = size;
    this.#hash = size === 0 ? createHash('sha256') : undefined;
  }

  get offset(): number {
    return this.#offset;
  }

  /** Appends what the source delivers. `admit` is asked before each batch and throws when there is no room for so many bytes. */
  async append(source: AsyncIterable<Buffer>, admit: (bytes: number) => void): Promise<void> {
    let batch: Buffer[] = [];
    let gathered = 0;
    let writing: Promise<void> = Promise.resolve();
    const flush = async () => {
      const [chunks, bytes] = [batch, gathered];
      batch = [];
      gathered = 0;
      await writing;
      if (bytes === 0) return;
      admit(bytes);
      writing = this.#write(chunks, bytes);
      // It is awaited by the next flush; until then a failure is nobody's.
      writing.catch(() => {});
    };
    try {
      for await (const chunk of source) {
        batch.push(chunk);
        gathered += chunk.length;
        if (gathered >= BATCH) await flush();
      }
    } finally {
      // What came before the source broke off is kept.
      await flush();
      await writing;
    }
  }

  async #write(chunks: Buffer[], bytes: number): Promise<void> {
    const written = this.#writeAll(chunks, bytes);
    for (const chunk of chunks) this.#hash?.update(chunk);
    await written;
    this.#offset += bytes;
  }

  async #writeAll(chunks: Buffer[], bytes: number): Promise<void> {
    try {
      const { bytesWritten } = await this.#handle.writev(chunks);
      if (bytesWritten < bytes) await this.#handle.writeFile(Buffer.concat(chunks).subarray(bytesWritten));
    } catch (error) {
      // The file may hold a part of the batch: back to what is accounted for.
      this.#hash = undefined;
      await this.#handle.truncate(this.#offset);
      if (errnoOf(error) === 'ENOSPC' || errnoOf(error) === 'EDQUOT')
        throw new RegistryError('UNAVAILABLE', 'no space left on the disk of the registry');
      throw error;
    }
  }

  /** The digest of the whole file, its bytes being on the disk. */
  async finish(algorithm: 'sha256' | 'sha512'): Promise<string> {
    const synced = this.#handle.datasync();
    const hash = algorithm === 'sha256' && this.#hash ? this.#hash.copy() : await digestFile(this.path, algorithm);
    await synced;
    return `${algorithm}:${hash.digest('hex')}`;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async remove(): Promise<void> {
    await this.close();
    await rm(this.path, { force: true });
  }
}

async function digestFile(path: string, algorithm: string): Promise<Hash> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(path, { highWaterMark: BATCH })) hash.update(chunk as Buffer);
  return hash;
}
