import { lstatSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path/posix';
import { type Clock, type Ids, KeyedQueue } from '../../base/index.ts';
import { ensureDirectory } from '../../host/index.ts';
import type { Catalog, UploadRow } from '../catalog/catalog.ts';
import { RegistryError } from '../errors.ts';
import { parseDigest } from '../names.ts';
import type { Upload } from '../registry.ts';
import { UploadFile } from './upload-file.ts';

/** So many open uploads are enough for any number of honest clients; each holds a descriptor. */
const MOST_UPLOADS = 2000;
const ID = /^[0-9a-f]{32}$/;

export interface UploadsOptions {
  folder: string;
  clock: Clock;
  ids: Ids;
  catalog: Catalog;
  /** Takes the finished, verified file over. */
  keep: (repository: string, digest: string, size: number, path: string) => Promise<void>;
}

/** Blobs on their way in: a row first, then a file beside it; after a restart both are found again. */
export class Uploads {
  readonly #options: UploadsOptions;
  readonly #open = new Map<string, Session>();

  constructor(options: UploadsOptions) {
    this.#options = options;
    ensureDirectory(options.folder, 0o700);
  }

  async start(repository: string): Promise<Upload> {
    const { catalog, clock, ids } = this.#options;
    if (catalog.uploads.size >= MOST_UPLOADS)
      throw new RegistryError('TOOMANYREQUESTS', `${catalog.uploads.size} uploads are open already: finish or cancel some`);
    const row = { id: ids.next().slice(0, 32), repository, startedAt: clock.now() };
    await catalog.putUpload(row);
    return await this.#session(row);
  }

  async get(repository: string, id: string): Promise<Upload> {
    const row = this.#options.catalog.uploads.get(id);
    if (!row || row.repository !== repository)
      throw new RegistryError(
        'BLOB_UPLOAD_UNKNOWN',
        `the repository ${repository} has no upload ${id.slice(0, 64)}: it ended, or was never begun`,
        {
          upload: id.slice(0, 64),
        },
      );
    return await this.#session(row);
  }

  /** Uploads that nobody has fed since `before` (milliseconds since the epoch), and files without a row. */
  abandoned(before: number): { id: string; bytes: number; drop: () => Promise<void> }[] {
    const { catalog, folder } = this.#options;
    const touchedAt = (id: string) => {
      const stat = lstatSync(join(folder, id), { throwIfNoEntry: false });
      return { modified: stat?.mtimeMs ?? 0, bytes: stat?.size ?? 0 };
    };
    const rows = [...catalog.uploads.values()].flatMap((row) => {
      const { modified, bytes } = touchedAt(row.id);
      if (Math.max(modified, row.startedAt) >= before || this.#open.get(row.id)?.busy) return [];
      return { id: row.id, bytes, drop: async () => (await this.#session(row)).cancel() };
    });
    const strays = readdirSync(folder).filter((name) => ID.test(name) && !catalog.uploads.has(name) && touchedAt(name).modified < before);
    return [...rows, ...strays.map((id) => ({ id, bytes: touchedAt(id).bytes, drop: () => rm(join(folder, id), { force: true }) }))];
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((session) => session.close()));
    this.#open.clear();
  }

  async #session(row: UploadRow): Promise<Session> {
    const known = this.#open.get(row.id);
    if (known) return known;
    const file = await UploadFile.open(join(this.#options.folder, row.id));
    const again = this.#open.get(row.id);
    if (again) {
      // Two requests came at once.
      await file.close();
      return again;
    }
    const session = new Session(row, file, this.#options, () => this.#open.delete(row.id));
    this.#open.set(row.id, session);
    return session;
  }
}

class Session implements Upload {
  readonly id: string;
  readonly #row: UploadRow;
  readonly #file: UploadFile;
  readonly #options: UploadsOptions;
  readonly #ended: () => void;
  readonly #queue = new KeyedQueue();
  #current: AbortController | undefined;
  #expected = 0;
  #over = false;

  constructor(row: UploadRow, file: UploadFile, options: UploadsOptions, ended: () => void) {
    this.id = row.id;
    this.#row = row;
    this.#file = file;
    this.#options = options;
    this.#ended = ended;
    // Bytes of an earlier life count, but are not refused: they are there.
    this.#claim(file.offset);
  }

  get offset(): number {
    return this.#file.offset;
  }

  get busy(): boolean {
    return this.#current !== undefined;
  }

  append(source: AsyncIterable<Buffer>, options: { start?: number; length?: number; signal: AbortSignal }): Promise<void> {
    // A client whose connection broke comes back before the broken one is noticed.
    this.#current?.abort(new RegistryError('BLOB_UPLOAD_INVALID', `the upload ${this.id} was taken over by a later request`));
    const current = new AbortController();
    this.#current = current;
    return this.#inTurn(async () => {
      const { start, length } = options;
      if (start !== undefined && start !== this.offset)
        throw new RegistryError('RANGE_INVALID', `the upload ${this.id} goes on at byte ${this.offset}, not at ${start}`, {
          offset: this.offset,
        });
      const before = this.offset;
      const signal = AbortSignal.any([current.signal, options.signal]);
      await this.#file.append(interruptible(source, signal), (bytes) => this.#admit(bytes));
      const came = this.offset - before;
      if (length !== undefined && came !== length)
        throw new RegistryError('SIZE_INVALID', `${length} bytes were announced, but ${came} came`, { offset: this.offset });
    }).finally(() => {
      if (this.#current === current) this.#current = undefined;
    });
  }

  commit(digest: string): Promise<void> {
    const { algorithm } = parseDigest(digest);
    return this.#inTurn(async () => {
      const actual = await this.#file.finish(algorithm);
      const size = this.offset;
      if (actual !== digest) {
        await this.#end();
        throw new RegistryError('DIGEST_INVALID', `the ${size} bytes that came have the digest ${actual}, not ${digest}`, {
          digest: actual,
          size,
        });
      }
      this.#release();
      try {
        await this.#options.keep(this.#row.repository, digest, size, this.#file.path);
      } catch (error) {
        this.#claim(size);
        throw error;
      }
      await this.#end();
    });
  }

  cancel(): Promise<void> {
    this.#current?.abort(new RegistryError('BLOB_UPLOAD_INVALID', `the upload ${this.id} was cancelled`));
    return this.#inTurn(() => this.#end());
  }

  async close(): Promise<void> {
    this.#current?.abort(new RegistryError('UNAVAILABLE', 'the registry is stopping'));
    await this.#queue.run('', async () => {
      if (!this.#over) await this.#file.close();
      this.#over = true;
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#queue.run('', () => {
      if (this.#over) throw new RegistryError('BLOB_UPLOAD_UNKNOWN', `the upload ${this.id} has ended`, { upload: this.id });
      return work();
    });
  }

  #admit(bytes: number): void {
    this.#options.catalog.ledger.expect(this.#row.repository, bytes);
    this.#expected += bytes;
  }

  #claim(bytes: number): void {
    this.#options.catalog.ledger.settle(this.#row.repository, -bytes);
    this.#expected += bytes;
  }

  #release(): void {
    this.#options.catalog.ledger.settle(this.#row.repository, this.#expected);
    this.#expected = 0;
  }

  async #end(): Promise<void> {
    this.#over = true;
    this.#release();
    this.#ended();
    // The row goes last but one: a file without a row is found by collection.
    await this.#options.catalog.deleteUpload(this.id);
    await this.#file.remove();
  }
}

/** The source until the signal aborts: then the reason is thrown, even while the source delivers nothing. */
async function* interruptible(source: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<Buffer> {
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = () => reject(signal.reason);
  promise.catch(() => {});
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), promise]);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    // Not awaited: a source that waits for its client would hold us too.
    void iterator.return?.().catch(() => {});
  }
}
