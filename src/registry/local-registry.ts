import { createHash } from 'node:crypto';
import { join } from 'node:path/posix';
import { type Clock, type Ids, KeyedQueue, type Log } from '../base/index.ts';
import { ensureDirectory } from '../host/index.ts';
import type { Store } from '../store/index.ts';
import { Catalog, type LinkRow, type ManifestRow, type RepositoryEntry } from './catalog/catalog.ts';
import { pageOf } from './catalog/page.ts';
import { collect, type Retention } from './collection/collect.ts';
import { RegistryError } from './errors.ts';
import { type ManifestDocument, parseManifest } from './manifests/document.ts';
import { parseDigest, parseReference } from './names.ts';
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
  Upload,
} from './registry.ts';
import { BlobFiles } from './storage/blob-files.ts';
import { Uploads } from './storage/uploads.ts';

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
  readonly #catalog: Catalog;
  readonly #files: BlobFiles;
  readonly #uploads: Uploads;
  /** Changes of one repository happen one after the other. */
  readonly #queue = new KeyedQueue();
  /** Files that are about to get their first holder. */
  readonly #arriving = new Map<string, number>();
  #collecting: Promise<CollectionReport> | undefined;

  static async open(options: LocalRegistryOptions): Promise<LocalRegistry> {
    ensureDirectory(options.root, 0o700);
    const files = new BlobFiles(options.root);
    await files.emptyTrash();
    return new LocalRegistry(options, await Catalog.open(options), files);
  }

  private constructor(options: LocalRegistryOptions, catalog: Catalog, files: BlobFiles) {
    this.#options = options;
    this.#catalog = catalog;
    this.#files = files;
    this.#uploads = new Uploads({
      ...options,
      folder: join(options.root, 'uploads'),
      catalog,
      keep: (repository, digest, size, path) => this.#keep(repository, digest, size, path),
    });
  }

  async repositories(page: Page): Promise<string[]> {
    const names = [...this.#catalog.repositories].filter(([, entry]) => entry.manifests.size > 0).map(([name]) => name);
    return pageOf(names, page);
  }

  async tags(repository: string, page: Page): Promise<string[]> {
    return pageOf([...this.#entry(repository).tags.keys()], page);
  }

  async manifest(repository: string, reference: string): Promise<StoredManifest> {
    const row = this.#row(repository, reference);
    // Whoever finds it here may rely on it in the index that comes next.
    this.#catalog.touch(repository, row.digest, this.#options.clock.now());
    return { digest: row.digest, mediaType: row.mediaType, data: await this.#files.read(row.digest) };
  }

  async tagged(repository: string, tag: string): Promise<string | undefined> {
    return this.#catalog.repositories.get(repository)?.tags.get(tag)?.digest;
  }

  async tagsOf(repository: string, digest: string): Promise<string[]> {
    const tags = this.#catalog.repositories.get(repository)?.tags.values() ?? [];
    return [...tags].filter((tag) => tag.digest === digest).map(({ tag }) => tag);
  }

  async referrers(repository: string, digest: string): Promise<Referrer[]> {
    parseDigest(digest);
    const entry = this.#catalog.repositories.get(repository);
    const rows = [...(entry?.referrers.get(digest) ?? [])].flatMap((one) => entry?.manifests.get(one) ?? []);
    return rows.map(({ mediaType, digest: of, size, artifactType, annotations }) => ({
      mediaType,
      digest: of,
      size,
      ...(artifactType === undefined ? {} : { artifactType }),
      ...(annotations === undefined ? {} : { annotations }),
    }));
  }

  putManifest(repository: string, text: string, contentType: string, data: Buffer): Promise<PutManifest> {
    const reference = parseReference(text);
    const { algorithm } = 'digest' in reference ? parseDigest(reference.digest) : { algorithm: 'sha256' };
    const digest = `${algorithm}:${createHash(algorithm).update(data).digest('hex')}`;
    if ('digest' in reference && reference.digest !== digest)
      throw new RegistryError('DIGEST_INVALID', `the manifest has the digest ${digest}, not ${reference.digest}`, { digest });
    const document = parseManifest(data, contentType);
    return this.#queue.run(repository, () => this.#putManifest(repository, reference, digest, document, data));
  }

  async #putManifest(
    repository: string,
    reference: { tag: string } | { digest: string },
    digest: string,
    document: ManifestDocument,
    data: Buffer,
  ) {
    const { clock, onEvent } = this.#options;
    const needs = this.#checkNeeds(repository, document);
    this.#catalog.ledger.check(repository, digest, data.length);
    const { mediaType, subject, artifactType, annotations } = document;
    await this.#whileArriving(digest, async () => {
      if (this.#files.size(digest) !== data.length) await this.#files.write(digest, data);
      await this.#catalog.putManifest({
        ...{ repository, digest, mediaType, size: data.length, needs, pushedAt: clock.now() },
        ...(subject === undefined ? {} : { subject }),
        ...(artifactType === undefined ? {} : { artifactType }),
        ...(annotations === undefined ? {} : { annotations }),
      });
    });
    const tag = 'tag' in reference ? reference.tag : undefined;
    if (tag !== undefined) await this.#catalog.putTag({ repository, tag, digest, movedAt: clock.now() });
    onEvent({ action: 'push', kind: 'manifest', repository, digest, mediaType, size: data.length, ...(tag === undefined ? {} : { tag }) });
    return { digest, ...(subject === undefined ? {} : { subject }) };
  }

  /** Digests that the manifest names. Fails with MANIFEST_BLOB_UNKNOWN for one that is not in the repository, all being told. */
  #checkNeeds(repository: string, document: ManifestDocument): string[] {
    const entry = this.#catalog.repositories.get(repository);
    const missing: string[] = [];
    const now = this.#options.clock.now();
    const look = (pointer: { digest: string; size: number }, size: number | undefined) => {
      if (size === undefined) missing.push(pointer.digest);
      else if (size !== pointer.size)
        throw new RegistryError(
          'MANIFEST_INVALID',
          `the manifest says that ${pointer.digest} has ${pointer.size} bytes, but it has ${size}`,
          { digest: pointer.digest, size },
        );
    };
    for (const blob of document.blobs) {
      look(blob, entry?.links.get(blob.digest)?.size);
      this.#catalog.touch(repository, blob.digest, now);
    }
    for (const child of document.manifests) look(child, entry?.manifests.get(child.digest)?.size);
    if (missing.length > 0)
      throw new RegistryError(
        'MANIFEST_BLOB_UNKNOWN',
        `the manifest names what is not in ${repository}: ${missing.slice(0, 5).join(', ')}`,
        {
          missing: missing.slice(0, 100),
        },
      );
    return [...new Set([...document.blobs, ...document.manifests].map(({ digest }) => digest))];
  }

  deleteManifest(repository: string, text: string): Promise<void> {
    const reference = parseReference(text);
    return this.#queue.run(repository, async () => {
      const row = this.#row(repository, text);
      const { digest, mediaType } = row;
      const tag = 'tag' in reference ? this.#entry(repository).tags.get(reference.tag) : undefined;
      if (tag) await this.#catalog.deleteTag(tag);
      else await this.#deleteRow(row);
      this.#options.onEvent({
        action: 'delete',
        repository,
        digest,
        mediaType,
        ...(tag ? { kind: 'tag', tag: tag.tag } : { kind: 'manifest' }),
      });
    });
  }

  async blob(repository: string, digest: string): Promise<StoredBlob> {
    const { size } = this.#link(repository, digest);
    this.#catalog.touch(repository, digest, this.#options.clock.now());
    return { digest, size, open: (start, end, signal) => this.#files.open(digest, start, end, signal) };
  }

  deleteBlob(repository: string, digest: string): Promise<void> {
    return this.#queue.run(repository, async () => {
      const link = this.#link(repository, digest);
      const user = [...this.#entry(repository).manifests.values()].find((manifest) => manifest.needs.includes(digest));
      if (user)
        throw new RegistryError('DENIED', `the blob ${digest} cannot be deleted: the manifest ${user.digest} of ${repository} needs it`, {
          manifest: user.digest,
        });
      await this.#catalog.unlink(link);
      await this.#discard(digest);
      this.#options.onEvent({ action: 'delete', kind: 'blob', repository, digest, size: link.size });
    });
  }

  mount(repository: string, from: string, digest: string): Promise<boolean> {
    parseDigest(digest);
    return this.#queue.run(repository, async () => {
      const source = this.#catalog.repositories.get(from)?.links.get(digest);
      if (!source) return false;
      await this.#whileArriving(digest, () => this.#newLink(repository, digest, source.size));
      return true;
    });
  }

  startUpload(repository: string): Promise<Upload> {
    return this.#uploads.start(repository);
  }

  async upload(repository: string, id: string): Promise<Upload> {
    return await this.#uploads.get(repository, id);
  }

  get usage(): RegistryUsage {
    const entries = [...this.#catalog.repositories.values()];
    const sum = (count: (entry: RepositoryEntry) => number) => entries.reduce((total, entry) => total + count(entry), 0);
    return {
      repositories: entries.filter((entry) => entry.manifests.size > 0).length,
      manifests: sum((entry) => entry.manifests.size),
      tags: sum((entry) => entry.tags.size),
      blobs: this.#catalog.ledger.objects,
      bytes: this.#catalog.ledger.used,
      uploads: this.#catalog.uploads.size,
    };
  }

  /** Frees what nothing names. One at a time; whoever asks meanwhile gets the report of the one that runs. */
  collect(options: CollectionOptions): Promise<CollectionReport> {
    this.#collecting ??= collect(
      {
        ...this.#options,
        catalog: this.#catalog,
        files: this.#files,
        uploads: this.#uploads,
        inTurn: (repository, work) => this.#queue.run(repository, work),
        isArriving: (digest) => this.#arriving.has(digest),
        deleteManifest: (row) => this.#deleteRow(row),
      },
      options,
    ).finally(() => {
      this.#collecting = undefined;
    });
    return this.#collecting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#uploads.close();
    await this.#queue.idle();
  }

  /** Takes an uploaded file, whose digest was verified, into the repository. */
  #keep(repository: string, digest: string, size: number, path: string): Promise<void> {
    return this.#queue.run(repository, () =>
      this.#whileArriving(digest, async () => {
        this.#catalog.ledger.check(repository, digest, size);
        this.#files.adopt(digest, path);
        await this.#newLink(repository, digest, size);
      }),
    );
  }

  async #newLink(repository: string, digest: string, size: number): Promise<void> {
    this.#catalog.ledger.check(repository, digest, size);
    const row: LinkRow = { repository, digest, size, linkedAt: this.#options.clock.now() };
    await this.#catalog.link(row);
    this.#options.onEvent({ action: 'push', kind: 'blob', repository, digest, size });
  }

  async #deleteRow(row: ManifestRow): Promise<void> {
    await this.#catalog.deleteManifest(row);
    await this.#discard(row.digest);
  }

  /** Frees the file unless somebody has it, or is about to. Between the question and the act nothing else runs. */
  async #discard(digest: string): Promise<void> {
    if (!this.#catalog.isHeld(digest) && !this.#arriving.has(digest)) await this.#files.discard(digest);
  }

  async #whileArriving<T>(digest: string, work: () => Promise<T>): Promise<T> {
    this.#arriving.set(digest, (this.#arriving.get(digest) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const left = (this.#arriving.get(digest) ?? 1) - 1;
      if (left > 0) this.#arriving.set(digest, left);
      else this.#arriving.delete(digest);
    }
  }

  #entry(repository: string): RepositoryEntry {
    const entry = this.#catalog.repositories.get(repository);
    if (!entry) throw new RegistryError('NAME_UNKNOWN', `there is no repository ${repository} here`, { name: repository });
    return entry;
  }

  #row(repository: string, text: string): ManifestRow {
    const reference = parseReference(text);
    const entry = this.#catalog.repositories.get(repository);
    const digest = 'tag' in reference ? entry?.tags.get(reference.tag)?.digest : reference.digest;
    const row = digest === undefined ? undefined : entry?.manifests.get(digest);
    if (row) return row;
    const what = 'tag' in reference ? `tag ${reference.tag}` : `manifest ${reference.digest}`;
    throw new RegistryError('MANIFEST_UNKNOWN', `the repository ${repository} has no ${what}`, { name: repository, reference: text });
  }

  #link(repository: string, digest: string): LinkRow {
    parseDigest(digest);
    const link = this.#catalog.repositories.get(repository)?.links.get(digest);
    if (!link) throw new RegistryError('BLOB_UNKNOWN', `the repository ${repository} has no blob ${digest}`, { name: repository, digest });
    return link;
  }
}
