import { createReadStream, lstatSync, readdirSync, renameSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path/posix';
import type { Readable } from 'node:stream';
import { errnoOf } from '../../base/index.ts';
import { ensureDirectory, writeFileAtomic } from '../../host/index.ts';
import { type Digest, parseDigest } from '../names.ts';

const READ_AT_ONCE = 512 * 1024;

/**
 * Blobs and manifests as files: `<root>/blobs/<algorithm>/<two digits>/<hex>`. What is there is whole and verified: it came by a
 * rename. Nothing of a name that a client chose is ever part of a path.
 */
export class BlobFiles {
  readonly #folder: string;
  readonly #trash: string;
  #discarded = 0;

  constructor(root: string) {
    this.#folder = join(root, 'blobs');
    this.#trash = join(root, 'trash');
    for (const folder of [this.#folder, this.#trash]) ensureDirectory(folder, 0o700);
  }

  path(digest: string): string {
    const { algorithm, hex } = parseDigest(digest);
    return this.#path({ algorithm, hex });
  }

  /** Bytes; undefined when there is no such file. */
  size(digest: string): number | undefined {
    return lstatSync(this.path(digest), { throwIfNoEntry: false })?.size;
  }

  open(digest: string, start: number, end: number, signal: AbortSignal): Readable {
    return createReadStream(this.path(digest), { start, end, highWaterMark: READ_AT_ONCE, signal });
  }

  async read(digest: string): Promise<Buffer> {
    return await readFile(this.path(digest));
  }

  /** For documents whose digest the caller has computed from these very bytes. */
  async write(digest: string, data: Uint8Array): Promise<void> {
    this.#makeFolder(digest);
    await writeFileAtomic(this.path(digest), data, { mode: 0o600 });
  }

  /** Takes a verified file over. At once: nobody sees a moment between. */
  adopt(digest: string, from: string): void {
    this.#makeFolder(digest);
    renameSync(from, this.path(digest));
  }

  /** Gone at once for everybody who comes later; the bytes are freed when the promise resolves. Readers read on. */
  discard(digest: string): Promise<void> {
    this.#discarded += 1;
    const name = join(this.#trash, `${process.pid}-${this.#discarded}`);
    try {
      renameSync(this.path(digest), name);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return Promise.resolve();
      throw error;
    }
    return rm(name, { force: true });
  }

  /** Every file there is, with its age: a folder at a time, so that a large registry does not stand still. */
  async *all(): AsyncGenerator<{ digest: string; size: number; modified: number }> {
    for (const algorithm of readdirSync(this.#folder)) {
      for (const prefix of readdirSync(join(this.#folder, algorithm))) {
        const folder = join(this.#folder, algorithm, prefix);
        for (const name of readdirSync(folder)) {
          const stat = lstatSync(join(folder, name), { throwIfNoEntry: false });
          if (stat) yield { digest: `${algorithm}:${name}`, size: stat.size, modified: stat.mtimeMs };
        }
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    }
  }

  /** What an earlier life was about to delete. */
  async emptyTrash(): Promise<void> {
    for (const name of readdirSync(this.#trash)) await rm(join(this.#trash, name), { force: true });
  }

  #path({ algorithm, hex }: Digest): string {
    return join(this.#folder, algorithm, hex.slice(0, 2), hex);
  }

  #makeFolder(digest: string): void {
    const { algorithm, hex } = parseDigest(digest);
    ensureDirectory(join(this.#folder, algorithm, hex.slice(0, 2)), 0o700);
  }
}
