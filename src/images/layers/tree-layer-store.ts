import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path/posix';
import { Readable } from 'node:stream';
import { describe, errnoOf, GantryError, type Ids, invalid, KeyedQueue, type Log, notFound } from '../../base/index.ts';
import {
  captureLayer,
  diskUsage,
  ensureDirectory,
  gzipped,
  rebuildLayer,
  spreadDirectories,
  type Trash,
  unpackLayer,
  writeFileAtomic,
  writeLayer,
} from '../../host/index.ts';
import { decompressed } from '../content/decompress.ts';
import { Digester, hexOf } from '../content/digest.ts';
import type { CaptureOptions, LayerBlob, LayerLease, LayerRecord, LayerStore, UnpackOptions } from './layer-store.ts';

// Long enough to be unique, short enough for a mount of 128 of them.
const NAME_LENGTH = 26;
const MAX_BLOBS = 8;

interface StoredLayer extends LayerRecord {
  blobs: LayerBlob[];
}

/** Layers as directories: `<dataRoot>/layers/<26 digits>/` with `diff` (the tree), `recipe`, `displaced` and `layer.json`. */
export class TreeLayerStore implements LayerStore {
  readonly #folder: string;
  readonly #unfinished: string;
  readonly #ids: Ids;
  readonly #log: Log;
  readonly #trash: Trash;
  readonly #layers = new Map<string, StoredLayer>();
  readonly #leases = new Set<Lease>();
  readonly #queue = new KeyedQueue();
  readonly #listeners: (() => void)[] = [];
  /** Diff ids that images and containers name; set once those are known. */
  referenced: () => Iterable<string> = () => [];

  constructor(options: { dataRoot: string; ids: Ids; log: Log; trash: Trash }) {
    this.#folder = join(options.dataRoot, 'layers');
    this.#unfinished = join(options.dataRoot, 'tmp');
    this.#ids = options.ids;
    this.#log = options.log;
    this.#trash = options.trash;
    ensureDirectory(this.#folder, 0o711);
    spreadDirectories(this.#folder);
    for (const name of readdirSync(this.#folder)) if (name.length === NAME_LENGTH) this.#read(name);
  }

  get(diffId: string): LayerRecord | undefined {
    return this.#layers.get(diffId);
  }

  /** Called when there is a layer more. */
  onGrowth(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** The directories of layers that are known. */
  names(): Set<string> {
    return new Set([...this.#layers.keys()].map(nameOf));
  }

  all(): LayerRecord[] {
    return [...this.#layers.values()];
  }

  /** All of them, with their bytes on disk. These never change: they are looked up once, and kept with the layer. */
  async measured(): Promise<LayerRecord[]> {
    for (const layer of this.#layers.values()) {
      if (layer.disk !== undefined) continue;
      const { bytes } = await diskUsage(this.#path(layer.diffId));
      layer.disk = bytes;
      await this.#write(layer);
    }
    return this.all();
  }

  /** The unpacked tree. Fails with `internal` ("layer sha256:… is missing or damaged"). */
  tree(diffId: string): string {
    const tree = join(this.#path(diffId), 'diff');
    if (!this.#layers.has(diffId) || !existsSync(tree)) throw damaged(diffId);
    return tree;
  }

  lease(): LayerLease {
    const lease = new Lease((diffIds) => {
      this.#leases.delete(lease);
      this.sweep(diffIds);
    });
    this.#leases.add(lease);
    return lease;
  }

  unpack(source: AsyncIterable<Uint8Array>, options: UnpackOptions): Promise<LayerRecord> {
    if (options.diffId === undefined) return this.#unpack(source, options);
    const { diffId, lease } = options;
    hexOf(diffId);
    lease.add(diffId);
    return this.#queue.run(diffId, async () => this.#layers.get(diffId) ?? this.#unpack(source, options));
  }

  /**
   * Makes a layer of what an overlay's upper tree holds; undefined when that is nothing. With `consume` the tree is moved, and nobody
   * may use it any more; else it is copied. The layer is whole at once or not there, as with `unpack`.
   */
  async capture(upper: string, options: CaptureOptions): Promise<LayerRecord | undefined> {
    const { consume, keepEmpty = false, lease, signal, sourceDateEpoch } = options;
    await using work = this.#work();
    const { place } = work;
    if (!consume) mkdirSync(place.tree);
    const latest = sourceDateEpoch === undefined ? {} : { latest: sourceDateEpoch };
    const { diffId, entries, size, tarSize } = await captureLayer({ upper, move: consume, place, signal, ...latest });
    if (entries === 0 && !keepEmpty) return undefined;
    lease.add(diffId);
    if (consume && !this.#layers.has(diffId)) renameSync(upper, place.tree);
    // No entry tells of the root itself: it is what unpacking makes it.
    if (existsSync(place.tree)) {
      chownSync(place.tree, 0, 0);
      chmodSync(place.tree, 0o755);
    }
    return await this.#keep(work.folder, { diffId, size, tarSize, blobs: [] }, false);
  }

  open(diffId: string, signal: AbortSignal): Readable {
    const layer = this.#layers.get(diffId);
    if (!layer) throw notFound(`layer ${diffId} is missing`);
    const place = placeIn(this.#path(diffId));
    async function* verified(): AsyncGenerator<Buffer> {
      const digester = new Digester();
      try {
        for await (const chunk of digester.through(rebuildLayer(place))) {
          signal.throwIfAborted();
          yield chunk;
        }
      } catch (error) {
        signal.throwIfAborted();
        throw damaged(diffId, error);
      }
      if (digester.digest() !== diffId) throw damaged(diffId);
    }
    return Readable.from(verified(), { objectMode: false, highWaterMark: 1024 * 1024 });
  }

  async *openGzip(diffId: string, signal: AbortSignal, taken?: (tarBytes: number) => void): AsyncGenerator<Buffer> {
    if (!this.#layers.has(diffId)) throw notFound(`layer ${diffId} is missing`);
    const count = new SharedArrayBuffer(8);
    const write = async (descriptor: number) => {
      const actual = await writeLayer(placeIn(this.#path(diffId)), descriptor, count).catch((error: unknown) => {
        throw errnoOf(error) === 'EPIPE' ? error : damaged(diffId, error);
      });
      if (actual !== diffId) throw damaged(diffId);
    };
    const cell = new BigInt64Array(count);
    const counted = async function* (tar: Readable) {
      for await (const chunk of tar as AsyncIterable<Buffer>) {
        Atomics.add(cell, 0, BigInt(chunk.length));
        yield chunk;
      }
    };
    const open = () => Readable.from(counted(this.open(diffId, signal)), { objectMode: false });
    for await (const piece of gzipped({ write, open }, signal)) {
      taken?.(Number(Atomics.load(cell, 0)));
      yield piece;
    }
  }

  async noteBlob(diffId: string, blob: LayerBlob): Promise<void> {
    const layer = this.#layers.get(diffId);
    if (!layer) return;
    const known = layer.blobs.find((other) => other.digest === blob.digest);
    const repositories = [...new Set([...blob.repositories, ...(known?.repositories ?? [])])].slice(0, MAX_BLOBS);
    layer.blobs = [{ ...blob, repositories }, ...layer.blobs.filter((other) => other !== known)].slice(0, MAX_BLOBS);
    await this.#write(layer);
  }

  blobs(diffId: string): readonly LayerBlob[] {
    return this.#layers.get(diffId)?.blobs ?? [];
  }

  findBlob(digest: string): LayerRecord | undefined {
    return this.all().find((layer) => this.blobs(layer.diffId).some((blob) => blob.digest === digest));
  }

  /** Removes those of `candidates` (or of all layers) that nobody names any more. Resolves to what went. */
  sweep(candidates: Iterable<string> = [...this.#layers.keys()]): LayerRecord[] {
    const kept = new Set(this.referenced());
    for (const lease of this.#leases) for (const diffId of lease.diffIds) kept.add(diffId);
    const gone: LayerRecord[] = [];
    for (const diffId of candidates) {
      const layer = this.#layers.get(diffId);
      if (!layer || kept.has(diffId)) continue;
      this.#layers.delete(diffId);
      this.#trash.take(this.#path(diffId));
      gone.push(layer);
    }
    return gone;
  }

  async #unpack(source: AsyncIterable<Uint8Array>, { lease, diffId, signal, progress }: UnpackOptions): Promise<LayerRecord> {
    await using work = this.#work();
    const { place } = work;
    mkdirSync(place.tree);
    // Whatever the umask: this is the root directory of containers.
    chmodSync(place.tree, 0o755);
    const digester = new Digester();
    const { size } = await unpackLayer(digester.through(decompressed(source, { consumed: progress, reuse: true })), place, signal);
    const actual = digester.digest();
    if (diffId !== undefined && actual !== diffId) throw invalid(`layer ${diffId} does not have that digest when unpacked, but ${actual}`);
    lease.add(actual);
    return await this.#keep(work.folder, { diffId: actual, size, tarSize: digester.bytes, blobs: [] }, diffId !== undefined);
  }

  /** A folder for a layer that is being made; what is left of it in the end goes. */
  #work(): AsyncDisposable & { folder: string; place: ReturnType<typeof placeIn> } {
    const folder = join(this.#unfinished, `layer-${this.#ids.next().slice(0, NAME_LENGTH)}`);
    mkdirSync(folder, { mode: 0o711 });
    const dispose = async () => {
      // Gone already when all went well.
      if (existsSync(folder)) this.#trash.take(folder);
    };
    return { folder, place: placeIn(folder), [Symbol.asyncDispose]: dispose };
  }

  /** `queued`: this runs in the queue of its diff id already. */
  async #keep(work: string, layer: StoredLayer, queued: boolean): Promise<LayerRecord> {
    const keep = async () => {
      const known = this.#layers.get(layer.diffId);
      if (known) return known;
      writeFileSync(join(work, 'layer.json'), JSON.stringify(layer), { mode: 0o600 });
      // What is in the place can't be read, or we would know it.
      this.#trash.take(this.#path(layer.diffId));
      renameSync(work, this.#path(layer.diffId));
      this.#layers.set(layer.diffId, layer);
      for (const listener of this.#listeners) listener();
      return layer;
    };
    return queued ? keep() : this.#queue.run(layer.diffId, keep);
  }

  async #write(layer: StoredLayer): Promise<void> {
    const { diffId } = layer;
    await this.#queue.run(diffId, async () => {
      if (this.#layers.get(diffId) === layer)
        await writeFileAtomic(join(this.#path(diffId), 'layer.json'), JSON.stringify(layer), { mode: 0o600, fsync: false });
    });
  }

  #path(diffId: string): string {
    return join(this.#folder, nameOf(diffId));
  }

  #read(name: string): void {
    try {
      const layer = JSON.parse(readFileSync(join(this.#folder, name, 'layer.json'), 'utf8')) as StoredLayer;
      if (hexOf(layer.diffId).slice(0, NAME_LENGTH) !== name) throw new GantryError('internal', `layer.json names ${layer.diffId}`);
      this.#layers.set(layer.diffId, layer);
    } catch (error) {
      this.#log.error('a layer cannot be read; images that need it are damaged', { layer: name, error: describe(error) });
    }
  }
}

const nameOf = (diffId: string) => hexOf(diffId).slice(0, NAME_LENGTH);

function damaged(diffId: string, cause?: unknown): GantryError {
  return new GantryError('internal', `layer ${diffId} is missing or damaged`, {
    ...(cause === undefined ? {} : { cause }),
    hint: 'Remove the images that use it, and pull or load them again.',
  });
}

const placeIn = (folder: string) => ({ tree: join(folder, 'diff'), recipe: join(folder, 'recipe'), displaced: join(folder, 'displaced') });

class Lease implements LayerLease {
  readonly diffIds = new Set<string>();
  readonly #release: (diffIds: Set<string>) => void;

  constructor(release: (diffIds: Set<string>) => void) {
    this.#release = release;
  }

  add(diffId: string): void {
    this.diffIds.add(diffId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#release(this.diffIds);
  }
}
