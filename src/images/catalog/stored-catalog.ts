import { type Clock, conflict, describe, GantryError, invalid, KeyedQueue, type Log, notFound } from '../../base/index.ts';
import type { ImageRecord } from '../../model/index.ts';
import type { Store } from '../../store/index.ts';
import type { ContentStore } from '../content/content.ts';
import type { LayerStore } from '../layers/layer-store.ts';
import { formatReference, parseReference, type Reference, tryParseReference, withDefaultTag } from '../reference.ts';
import type { ImageCatalog, NewImage } from './catalog.ts';
import { decodeImageConfig } from './image-config.ts';
import type { LastUses } from './last-uses.ts';

const KIND = 'image';

/** The row of an image: what its configuration blob does not say. */
interface ImageRow {
  tags: string[];
  digests: string[];
  taggedAt: string;
  parent?: string;
  manifest?: { mediaType: string; digest: string };
}

interface Known {
  record: ImageRecord;
  row: ImageRow;
}

export type ImageListener = (action: string, imageId: string, attributes: Record<string, string>) => void;

export interface CatalogOptions {
  store: Store;
  content: ContentStore;
  layers: LayerStore;
  uses: LastUses;
  clock: Clock;
  log: Log;
}

/** Images as rows of the store, held in memory too; their configurations and manifests are blobs. */
export class StoredCatalog implements ImageCatalog {
  readonly #options: CatalogOptions;
  readonly #images = new Map<string, Known>();
  /** By reference in its familiar form. */
  readonly #names = new Map<string, string>();
  /** Images whose blob or layer cannot be read: what is wrong. */
  readonly #damaged = new Map<string, string>();
  readonly #damagedRows = new Map<string, ImageRow>();
  readonly #listeners: ImageListener[] = [];
  readonly #changes = new KeyedQueue();

  constructor(options: CatalogOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    const { rows, damaged } = await this.#options.store.list<ImageRow>(KIND);
    for (const { id, value } of rows) {
      if (isRow(value)) this.#read(id, value);
      else this.#noteDamage(id, undefined, 'its row has not the shape of an image');
    }
    for (const { id, reason } of damaged) this.#noteDamage(id, undefined, reason);
  }

  list(): ImageRecord[] {
    return [...this.#images.values()].map(({ record }) => record);
  }

  /** Whether there is an image with this id, damaged or not. */
  has(id: string): boolean {
    return this.#images.has(id) || this.#damagedRows.has(id);
  }

  get(reference: string): ImageRecord {
    const found = this.find(reference);
    if (found) return found;
    const shown = isIdLike(reference) ? reference : formatReference(withDefaultTag(parseReference(reference)));
    const damaged = this.findDamaged(reference);
    const why = damaged && this.#damaged.get(damaged.id);
    if (why !== undefined)
      throw new GantryError('internal', `The image ${shown} is damaged: ${why}`, {
        hint: 'Remove it by force, and pull or load it again.',
      });
    throw notFound(`No such image: ${shown}`);
  }

  find(reference: string): ImageRecord | undefined {
    const exact = this.#images.get(reference) ?? this.#images.get(`sha256:${reference}`);
    if (exact) return exact.record;
    const name = tryParseReference(reference);
    const id = name && this.#names.get(lookupKey(name));
    if (id !== undefined) return this.#images.get(id)?.record;
    return this.#byPrefix(reference);
  }

  async put(image: NewImage): Promise<ImageRecord> {
    const { content, layers } = this.#options;
    const configuration = decodeImageConfig(image.config);
    const names = image.names.map((name) => withDefaultTag(parseReference(name)));
    for (const diffId of configuration.layers) {
      if (!layers.get(diffId)) throw invalid(`layer ${diffId} of the image is missing`);
      image.lease.add(diffId);
    }
    return this.#changes.run(KIND, async () => {
      const id = await content.write(image.config);
      const manifest = image.manifest && { mediaType: image.manifest.mediaType, digest: await content.write(image.manifest.data) };
      const known = this.#images.get(id);
      const row: ImageRow = known
        ? structuredClone(known.row)
        : { tags: [], digests: [], taggedAt: '', ...(this.#damagedRows.get(id) ?? {}) };
      if (manifest) row.manifest = manifest;
      if (image.parent !== undefined) row.parent = image.parent;
      await this.#takeNames(id, names);
      addNames(row, names, this.#options.clock);
      await this.#save(id, row);
      this.#read(id, row);
      const record = (this.#images.get(id) as Known).record;
      this.#options.uses.touch(id);
      if (image.event?.tags) for (const name of names) this.emit('tag', record, formatReference(name));
      if (image.event) this.emit(image.event.action, record, image.event.reference ?? id);
      return record;
    });
  }

  /** Points a name at an image. */
  async tag(id: string, name: Reference): Promise<void> {
    await this.#changes.run(KIND, async () => {
      const known = this.#known(id);
      const row = structuredClone(known.row);
      await this.#takeNames(id, [name]);
      addNames(row, [name], this.#options.clock);
      await this.#save(id, row);
      this.#read(id, row);
      this.#options.uses.touch(id);
      this.emit('tag', known.record, formatReference(name));
    });
  }

  /** Takes names away from an image; it stays. */
  async untag(id: string, names: readonly string[]): Promise<void> {
    await this.#changes.run(KIND, async () => {
      const { row, record } = this.#known(id);
      const left: ImageRow = {
        ...row,
        tags: row.tags.filter((tag) => !names.includes(tag)),
        digests: row.digests.filter((digest) => !names.includes(digest)),
      };
      await this.#save(id, left);
      for (const name of names) this.#names.delete(name);
      this.#read(id, left);
      for (const _ of names) this.emit('untag', record, id);
    });
  }

  /** Forgets an image; its blobs go, its layers are the caller's to sweep. */
  async delete(id: string): Promise<void> {
    await this.#changes.run(KIND, async () => {
      const known = this.#images.get(id);
      await this.#options.store.delete(KIND, id);
      for (const name of [...(known?.row.tags ?? []), ...(known?.row.digests ?? [])]) this.#names.delete(name);
      this.#images.delete(id);
      this.#forgetDamage(id);
      if (known) this.emit('delete', known.record, id);
      await this.#deleteBlobs(id, known?.row.manifest?.digest);
      await this.#options.uses.forget(id);
    });
  }

  manifest(imageId: string): { mediaType: string; data: Uint8Array } | undefined {
    const manifest = this.#images.get(imageId)?.row.manifest;
    if (!manifest || !this.#options.content.has(manifest.digest)) return undefined;
    return { mediaType: manifest.mediaType, data: this.#options.content.read(manifest.digest) };
  }

  /** Blobs that an image needs. */
  documents(id: string): string[] {
    const row = this.#images.get(id)?.row ?? this.#damagedRows.get(id);
    return row ? [id, ...(row.manifest ? [row.manifest.digest] : [])] : [];
  }

  /** Blobs that some image needs. */
  blobs(): Set<string> {
    return new Set([...this.#images.keys(), ...this.#damagedRows.keys()].flatMap((id) => this.documents(id)));
  }

  /** An image that cannot be read, by name, id or prefix of at least 12 digits. */
  findDamaged(reference: string): { id: string; names: string[] } | undefined {
    const name = tryParseReference(reference);
    const prefix = reference.startsWith('sha256:') ? reference : `sha256:${reference}`;
    for (const [id, row] of this.#damagedRows) {
      const names = [...row.tags, ...row.digests];
      if ((name && names.includes(lookupKey(name))) || (prefix.length >= 'sha256:'.length + 12 && id.startsWith(prefix)))
        return { id, names };
    }
  }

  onEvent(listener: ImageListener): void {
    this.#listeners.push(listener);
  }

  emit(action: string, image: ImageRecord, name: string): void {
    for (const listener of this.#listeners) listener(action, image.id, { ...image.config.labels, name });
  }

  #known(id: string): Known {
    const known = this.#images.get(id);
    if (!known) throw notFound(`No such image: ${id}`);
    return known;
  }

  #byPrefix(reference: string): ImageRecord | undefined {
    const digits = reference.startsWith('sha256:') ? reference.slice('sha256:'.length) : reference;
    if (!/^[0-9a-f]{1,64}$/.test(digits)) return undefined;
    const found = [...this.#images.keys()].filter((id) => id.startsWith(`sha256:${digits}`));
    if (found.length > 1) throw conflict(`The image id prefix '${digits}' is ambiguous: ${found.length} images have it`);
    return found[0] === undefined ? undefined : this.#images.get(found[0])?.record;
  }

  /** Names that point elsewhere point here from now on. */
  async #takeNames(id: string, names: readonly Reference[]): Promise<void> {
    for (const name of namesOf(names)) {
      const other = this.#names.get(name);
      const known = other === undefined || other === id ? undefined : this.#images.get(other);
      if (!known || other === undefined) continue;
      const row: ImageRow = {
        ...known.row,
        tags: known.row.tags.filter((tag) => tag !== name),
        digests: known.row.digests.filter((digest) => digest !== name),
      };
      await this.#save(other, row);
      this.#names.delete(name);
      this.#read(other, row);
    }
  }

  async #save(id: string, row: ImageRow): Promise<void> {
    await this.#options.store.update(KIND, id, row);
  }

  async #deleteBlobs(...digests: (string | undefined)[]): Promise<void> {
    const needed = this.blobs();
    for (const digest of digests) if (digest !== undefined && !needed.has(digest)) await this.#options.content.delete(digest);
  }

  #read(id: string, row: ImageRow): void {
    this.#forgetDamage(id);
    try {
      const rest = decodeImageConfig(this.#options.content.read(id));
      const missing = rest.layers.find((diffId) => !this.#options.layers.get(diffId));
      if (missing !== undefined) throw new GantryError('internal', `layer ${missing} is missing or damaged`);
      const size = rest.layers.reduce((sum, diffId) => sum + (this.#options.layers.get(diffId)?.size ?? 0), 0);
      const { tags, digests, taggedAt } = row;
      const parent = row.parent === undefined ? {} : { parent: row.parent };
      this.#images.set(id, { row, record: { id, ...rest, size, tags, digests, taggedAt, ...parent } });
      for (const name of [...row.tags, ...row.digests]) this.#names.set(name, id);
    } catch (error) {
      this.#noteDamage(id, row, describe(error));
    }
  }

  #noteDamage(id: string, row: ImageRow | undefined, why: string): void {
    this.#options.log.error('an image cannot be read', { image: id, error: why });
    this.#damaged.set(id, why);
    this.#damagedRows.set(id, row ?? { tags: [], digests: [], taggedAt: '' });
  }

  #forgetDamage(id: string): void {
    this.#damaged.delete(id);
    this.#damagedRows.delete(id);
  }
}

const isRow = (value: unknown): value is ImageRow =>
  typeof value === 'object' &&
  value !== null &&
  'tags' in value &&
  Array.isArray(value.tags) &&
  'digests' in value &&
  Array.isArray(value.digests);

/** What can only be an id: a short run of digits may be a name as well. */
const isIdLike = (reference: string) => /^(sha256:[0-9a-f]{1,64}|[0-9a-f]{64})$/.test(reference);

/** A name with both tag and digest means the digest. */
function lookupKey(name: Reference): string {
  const { tag: _, ...untagged } = name;
  return formatReference(name.digest === undefined ? withDefaultTag(name) : untagged);
}

function namesOf(names: readonly Reference[]): string[] {
  return names.map(lookupKey);
}

function addNames(row: ImageRow, names: readonly Reference[], clock: Clock): void {
  const add = (to: string[], key: string) => {
    if (to.includes(key)) return;
    to.push(key);
    to.sort();
    row.taggedAt = clock.timestamp();
  };
  for (const name of names) add(name.digest === undefined ? row.tags : row.digests, lookupKey(name));
}
