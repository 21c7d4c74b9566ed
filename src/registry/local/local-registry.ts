import { join } from 'node:path/posix';
import { type Clock, type Ids, KeyedQueue, type Log } from '../../base/index.ts';
import { ensureDirectory } from '../../host/index.ts';
import type { Store } from '../../store/index.ts';
import { Catalog, type RepositoryEntry } from '../catalog/catalog.ts';
import { pageOf } from '../catalog/page.ts';
import { collect, type Retention } from '../collection/collect.ts';
import { RegistryError } from '../errors.ts';
import type {
  CollectionOptions,
  CollectionReport,
  Page,
  PutManifest,
  Quotas,
  Referrer,
  Registry,
  RegistryEvent,
  RegistryUsage,
  StoredBlob,
  StoredManifest,
  TagGuard,
  Upload,
} from '../registry.ts';
import { BlobFiles } from '../storage/blob-files.ts';
import { Uploads } from '../storage/uploads.ts';
import { Arrivals } from './arrivals.ts';
import { LocalBlobs, type LocalParts } from './blobs.ts';
import { LocalManifests } from './manifests.ts';

export interface LocalRegistryOptions {
  root: string;
  store: Store;
  clock: Clock;
  ids: Ids;
  log: Log;
  quotas: Quotas;
  retention: Retention;
  onEvent: (event: RegistryEvent) => void;
}

/** The registry on this host's disk. */
export class LocalRegistry implements Registry, AsyncDisposable {
  readonly readOnly = undefined;
  readonly #options: LocalRegistryOptions;
  readonly #parts: LocalParts;
  readonly #blobs: LocalBlobs;
  readonly #manifests: LocalManifests;
  readonly #uploads: Uploads;
  #collecting: Promise<CollectionReport> | undefined;

  static async open(options: LocalRegistryOptions): Promise<LocalRegistry> {
    ensureDirectory(options.root, 0o700);
    const files = new BlobFiles(options.root);
    await files.emptyTrash();
    return new LocalRegistry(options, await Catalog.open(options), files);
  }

  private constructor(options: LocalRegistryOptions, catalog: Catalog, files: BlobFiles) {
    this.#options = options;
    const { clock, onEvent } = options;
    this.#parts = { clock, onEvent, catalog, files, arrivals: new Arrivals(), queue: new KeyedQueue() };
    this.#blobs = new LocalBlobs(this.#parts);
    this.#manifests = new LocalManifests(this.#parts, this.#blobs);
    this.#uploads = new Uploads({
      ...options,
      folder: join(options.root, 'uploads'),
      catalog,
      keep: (repository, digest, size, path) => this.#blobs.keep(repository, digest, size, path),
    });
  }

  async repositories(page: Page): Promise<string[]> {
    const names = [...this.#parts.catalog.repositories].filter(([, entry]) => entry.manifests.size > 0).map(([name]) => name);
    return pageOf(names, page);
  }

  async tags(repository: string, page: Page): Promise<string[]> {
    const entry = this.#parts.catalog.repositories.get(repository);
    if (!entry) throw new RegistryError('NAME_UNKNOWN', `there is no repository ${repository} here`, { name: repository });
    return pageOf([...entry.tags.keys()], page);
  }

  manifest(repository: string, reference: string): Promise<StoredManifest> {
    return this.#manifests.get(repository, reference);
  }

  async referrers(repository: string, digest: string): Promise<Referrer[]> {
    return this.#manifests.referrers(repository, digest);
  }

  async putManifest(repository: string, reference: string, mediaType: string, data: Buffer, guard: TagGuard): Promise<PutManifest> {
    return await this.#manifests.put(repository, reference, mediaType, data, guard);
  }

  async deleteManifest(repository: string, reference: string, guard: TagGuard): Promise<void> {
    await this.#manifests.delete(repository, reference, guard);
  }

  async blob(repository: string, digest: string): Promise<StoredBlob> {
    return this.#blobs.get(repository, digest);
  }

  deleteBlob(repository: string, digest: string): Promise<void> {
    return this.#blobs.delete(repository, digest);
  }

  async mount(repository: string, from: string, digest: string): Promise<boolean> {
    return await this.#blobs.mount(repository, from, digest);
  }

  startUpload(repository: string): Promise<Upload> {
    return this.#uploads.start(repository);
  }

  async upload(repository: string, id: string): Promise<Upload> {
    return await this.#uploads.get(repository, id);
  }

  get usage(): RegistryUsage {
    const { repositories, ledger, uploads } = this.#parts.catalog;
    const entries = [...repositories.values()];
    const sum = (count: (entry: RepositoryEntry) => number) => entries.reduce((total, entry) => total + count(entry), 0);
    return {
      repositories: entries.filter((entry) => entry.manifests.size > 0).length,
      manifests: sum((entry) => entry.manifests.size),
      tags: sum((entry) => entry.tags.size),
      blobs: ledger.objects,
      bytes: ledger.used,
      uploads: uploads.size,
    };
  }

  /** Frees what nothing names. One at a time; whoever asks meanwhile gets the report of the one that runs. */
  collect(options: CollectionOptions): Promise<CollectionReport> {
    const { catalog, files, queue, arrivals } = this.#parts;
    this.#collecting ??= collect(
      {
        ...this.#options,
        catalog,
        files,
        uploads: this.#uploads,
        inTurn: (repository, work) => queue.run(repository, work),
        isArriving: (digest) => arrivals.has(digest),
        deleteManifest: (row) => this.#manifests.deleteRow(row),
      },
      options,
    ).finally(() => {
      this.#collecting = undefined;
    });
    return this.#collecting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#uploads.close();
    await this.#parts.queue.idle();
  }
}
