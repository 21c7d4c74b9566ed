import { createReadStream, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path/posix';
import { Readable } from 'node:stream';
import { errnoOf, GantryError, invalid, KeyedQueue, notFound } from '../../base/index.ts';
import { ensureDirectory, writeFileAtomic } from '../../host/index.ts';
import type { ContentStore, Ingest } from './content.ts';
import { Digester, digestOf, hexOf } from './digest.ts';

const MAX_DOCUMENT = 32 * 1024 * 1024;
const FILE_NAME = /^[0-9a-f]{64}$/;

/** Blobs as files: `<dataRoot>/images/blobs/sha256/<hex>`; unfinished ones in `<dataRoot>/tmp`. */
export class FileContentStore implements ContentStore {
  readonly #folder: string;
  readonly #unfinished: string;
  readonly #ingests = new KeyedQueue();

  constructor(dataRoot: string) {
    this.#folder = join(dataRoot, 'images/blobs/sha256');
    this.#unfinished = join(dataRoot, 'tmp');
    ensureDirectory(this.#folder, 0o700);
    // What an atomic write left behind when the daemon was killed.
    for (const name of readdirSync(this.#folder)) if (!FILE_NAME.test(name)) rmSync(join(this.#folder, name), { force: true });
  }

  has(digest: string): boolean {
    return this.size(digest) !== undefined;
  }

  size(digest: string): number | undefined {
    return statSync(this.path(digest), { throwIfNoEntry: false })?.size;
  }

  read(digest: string): Uint8Array {
    const size = this.size(digest);
    if (size === undefined) throw notFound(`blob ${digest} is missing`);
    if (size > MAX_DOCUMENT) throw invalid(`blob ${digest} has ${size} bytes, too many for a document`);
    const data = readFileSync(this.path(digest));
    if (digestOf(data) !== digest) throw damaged(digest);
    return data;
  }

  open(digest: string): Readable {
    const path = this.path(digest);
    async function* verified(): AsyncGenerator<Buffer> {
      const digester = new Digester();
      yield* digester.through(createReadStream(path, { highWaterMark: 256 * 1024 }));
      if (digester.digest() !== digest) throw damaged(digest);
    }
    return Readable.from(verified(), { objectMode: false });
  }

  async write(data: Uint8Array, expected?: string): Promise<string> {
    const digest = digestOf(data);
    if (expected !== undefined && expected !== digest) throw invalid(`blob ${expected} does not have that digest, but ${digest}`);
    // One that is there may be damaged: written again, it is whole.
    if (this.size(digest) !== data.length || digestOf(readFileSync(this.path(digest))) !== digest)
      await writeFileAtomic(this.path(digest), data, { mode: 0o600, fsync: false });
    return digest;
  }

  ingest(expected: { digest: string; size?: number }, signal: AbortSignal): Promise<Ingest> {
    const hex = hexOf(expected.digest);
    return new Promise((resolve, reject) => {
      const turn = async () => {
        signal.throwIfAborted();
        const ingest = await FileIngest.begin(join(this.#unfinished, `ingest-${hex}`), this.path(expected.digest), expected);
        resolve(ingest);
        await ingest.closed;
      };
      void this.#ingests.run(hex, turn).catch(reject);
    });
  }

  async delete(digest: string): Promise<void> {
    await rm(this.path(digest), { force: true });
  }

  list(): { digest: string; size: number; disk: number }[] {
    return readdirSync(this.#folder)
      .filter((name) => FILE_NAME.test(name))
      .map((name) => {
        const stat = statSync(join(this.#folder, name), { throwIfNoEntry: false });
        return { digest: `sha256:${name}`, size: stat?.size ?? 0, disk: (stat?.blocks ?? 0) * 512 };
      });
  }

  folders(): number {
    return ['.', '..', '../..'].reduce((sum, above) => sum + statSync(join(this.#folder, above)).blocks * 512, 0);
  }

  path(digest: string): string {
    return join(this.#folder, hexOf(digest));
  }
}

const damaged = (digest: string) => new GantryError('internal', `blob ${digest} is damaged: its content does not have that digest`);

class FileIngest implements Ingest {
  readonly closed: Promise<void>;
  readonly #file: FileHandle;
  readonly #from: string;
  readonly #to: string;
  readonly #expected: { digest: string; size?: number };
  #digester = new Digester();
  #close: () => void = () => {};

  static async begin(from: string, to: string, expected: { digest: string; size?: number }): Promise<FileIngest> {
    const file = await open(from, 'a+', 0o600);
    const ingest = new FileIngest(file, from, to, expected);
    for await (const chunk of file.createReadStream({ start: 0, autoClose: false, highWaterMark: 1024 * 1024 }))
      ingest.#digester.update(chunk);
    if (expected.size !== undefined && ingest.offset > expected.size) await ingest.restart();
    return ingest;
  }

  private constructor(file: FileHandle, from: string, to: string, expected: { digest: string; size?: number }) {
    this.#file = file;
    this.#from = from;
    this.#to = to;
    this.#expected = expected;
    this.closed = new Promise((resolve) => {
      this.#close = resolve;
    });
  }

  get offset(): number {
    return this.#digester.bytes;
  }

  async write(chunk: Uint8Array): Promise<void> {
    const { digest, size } = this.#expected;
    if (size !== undefined && this.offset + chunk.length > size)
      throw invalid(`blob ${digest} is longer than the ${size} bytes that were announced`);
    try {
      await this.#file.appendFile(chunk);
    } catch (error) {
      if (errnoOf(error) === 'ENOSPC' || errnoOf(error) === 'EDQUOT')
        throw new GantryError('unavailable', `no space left on device for blob ${digest}`, { cause: error });
      throw error;
    }
    this.#digester.update(chunk);
  }

  async commit(): Promise<void> {
    const { digest, size } = this.#expected;
    const bytes = this.offset;
    if (size !== undefined && bytes !== size) throw invalid(`blob ${digest} has ${bytes} bytes instead of the ${size} that were announced`);
    const actual = this.#digester.digest();
    if (actual !== digest) {
      await rm(this.#from, { force: true });
      throw invalid(`blob ${digest} does not have that digest, but ${actual}`);
    }
    renameSync(this.#from, this.#to);
  }

  async restart(): Promise<void> {
    await this.#file.truncate(0);
    this.#digester = new Digester();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
    this.#close();
  }
}
