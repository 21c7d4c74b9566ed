import type { Clock, Log } from '../../base/index.ts';
import type { Store } from '../../store/index.ts';
import type { Quotas } from '../registry.ts';
import { Ledger } from './ledger.ts';

/** A manifest of a repository: what it is and what it needs. Its bytes are a file. */
export interface ManifestRow {
  repository: string;
  digest: string;
  mediaType: string;
  size: number;
  /** Blobs and manifests that it names and that are here. */
  needs: string[];
  subject?: string;
  artifactType?: string;
  annotations?: Record<string, string>;
  /** Milliseconds since the epoch. */
  pushedAt: number;
}

export interface TagRow {
  repository: string;
  tag: string;
  digest: string;
  /** Milliseconds since the epoch. */
  movedAt: number;
}

/** A repository may see this blob. */
export interface LinkRow {
  repository: string;
  digest: string;
  size: number;
  /** Milliseconds since the epoch. */
  linkedAt: number;
}

/** An upload that was begun; its file is named after its id. */
export interface UploadRow {
  id: string;
  repository: string;
  /** Milliseconds since the epoch. */
  startedAt: number;
}

export interface RepositoryEntry {
  manifests: Map<string, ManifestRow>;
  tags: Map<string, TagRow>;
  links: Map<string, LinkRow>;
  /** Subject to the manifests about it. */
  referrers: Map<string, Set<string>>;
}

const KINDS = { manifest: 'registry.manifest', tag: 'registry.tag', link: 'registry.link', upload: 'registry.upload' } as const;
const key = (repository: string, name: string) => `${repository}@${name}`;

/**
 * What repositories hold. Reads come from memory; a new fact is in the store before it is seen, a deleted one is unseen
 * before it leaves the store: nobody is ever told of what a crash could take back.
 */
export class Catalog {
  readonly ledger: Ledger;
  readonly repositories = new Map<string, RepositoryEntry>();
  readonly uploads = new Map<string, UploadRow>();
  readonly #store: Store;
  readonly #touched = new Map<string, number>();
  readonly #openedAt: number;

  static async open(options: { store: Store; clock: Clock; log: Log; quotas: Quotas }): Promise<Catalog> {
    const catalog = new Catalog(options.store, options.quotas, options.clock.now());
    const read = async <T>(kind: string) => {
      const { rows, damaged } = await options.store.list<T>(kind);
      for (const { id, reason } of damaged) options.log.error('a row cannot be read', { kind, id, reason });
      return rows;
    };
    for (const { value } of await read<LinkRow>(KINDS.link)) catalog.#seeLink(value);
    for (const { value } of await read<ManifestRow>(KINDS.manifest)) catalog.#seeManifest(value);
    for (const { value } of await read<UploadRow>(KINDS.upload)) catalog.uploads.set(value.id, value);
    for (const { id, value } of await read<TagRow>(KINDS.tag)) {
      // The process was killed between deleting a manifest's tags and itself, or a row is damaged.
      if (catalog.repositories.get(value.repository)?.manifests.has(value.digest))
        catalog.#entry(value.repository).tags.set(value.tag, value);
      else await options.store.delete(KINDS.tag, id);
    }
    return catalog;
  }

  private constructor(store: Store, quotas: Quotas, openedAt: number) {
    this.#store = store;
    this.#openedAt = openedAt;
    this.ledger = new Ledger(quotas);
  }

  /** When a push last relied on this blob or manifest; what happened in an earlier life counts as of the start of this one. */
  lastTouched({ repository, digest }: { repository: string; digest: string }): number {
    const entry = this.repositories.get(repository);
    const made = Math.max(entry?.links.get(digest)?.linkedAt ?? 0, entry?.manifests.get(digest)?.pushedAt ?? 0);
    return Math.max(this.#touched.get(key(repository, digest)) ?? 0, this.#openedAt, made);
  }

  /** Somebody was told that the blob is here, and may rely on it in the manifest that comes next. */
  touch(repository: string, digest: string, now: number): void {
    this.#touched.set(key(repository, digest), now);
  }

  /** Forgets what happened before, which no longer keeps anything. */
  forgetTouches(before: number): void {
    for (const [name, at] of this.#touched) if (at < before) this.#touched.delete(name);
  }

  /** Whether any repository has this file as a blob or a manifest. */
  isHeld(digest: string): boolean {
    return this.ledger.holds(digest);
  }

  async link(row: LinkRow): Promise<void> {
    await this.#store.update(KINDS.link, key(row.repository, row.digest), row);
    this.#seeLink(row);
  }

  async unlink(row: LinkRow): Promise<void> {
    const entry = this.#entry(row.repository);
    if (entry.links.delete(row.digest)) this.ledger.remove(row.repository, row.digest, row.size);
    this.#touched.delete(key(row.repository, row.digest));
    this.#forgetEmpty(row.repository);
    await this.#store.delete(KINDS.link, key(row.repository, row.digest));
  }

  async putManifest(row: ManifestRow): Promise<void> {
    await this.#store.update(KINDS.manifest, key(row.repository, row.digest), row);
    this.#seeManifest(row);
  }

  async deleteManifest(row: ManifestRow): Promise<void> {
    const entry = this.#entry(row.repository);
    const tags = [...entry.tags.values()].filter((tag) => tag.digest === row.digest);
    if (entry.manifests.delete(row.digest)) this.ledger.remove(row.repository, row.digest, row.size);
    if (row.subject) entry.referrers.get(row.subject)?.delete(row.digest);
    for (const tag of tags) await this.deleteTag(tag);
    this.#forgetEmpty(row.repository);
    await this.#store.delete(KINDS.manifest, key(row.repository, row.digest));
  }

  async putTag(row: TagRow): Promise<void> {
    await this.#store.update(KINDS.tag, key(row.repository, row.tag), row);
    this.#entry(row.repository).tags.set(row.tag, row);
  }

  async deleteTag(row: TagRow): Promise<void> {
    this.#entry(row.repository).tags.delete(row.tag);
    await this.#store.delete(KINDS.tag, key(row.repository, row.tag));
  }

  async putUpload(row: UploadRow): Promise<void> {
    await this.#store.create(KINDS.upload, row.id, row);
    this.uploads.set(row.id, row);
  }

  async deleteUpload(id: string): Promise<void> {
    this.uploads.delete(id);
    await this.#store.delete(KINDS.upload, id);
  }

  #seeLink(row: LinkRow): void {
    const { links } = this.#entry(row.repository);
    if (!links.has(row.digest)) this.ledger.add(row.repository, row.digest, row.size);
    links.set(row.digest, row);
  }

  #seeManifest(row: ManifestRow): void {
    const entry = this.#entry(row.repository);
    if (!entry.manifests.has(row.digest)) this.ledger.add(row.repository, row.digest, row.size);
    entry.manifests.set(row.digest, row);
    if (row.subject === undefined) return;
    const about = entry.referrers.get(row.subject) ?? new Set();
    entry.referrers.set(row.subject, about.add(row.digest));
  }

  #entry(repository: string): RepositoryEntry {
    let entry = this.repositories.get(repository);
    if (!entry) {
      entry = { manifests: new Map(), tags: new Map(), links: new Map(), referrers: new Map() };
      this.repositories.set(repository, entry);
    }
    return entry;
  }

  #forgetEmpty(repository: string): void {
    const entry = this.repositories.get(repository);
    if (entry && entry.manifests.size + entry.links.size + entry.tags.size === 0) this.repositories.delete(repository);
  }
}
