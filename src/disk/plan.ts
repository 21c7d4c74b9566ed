/** A piece of the build cache, as far as collecting it goes. */
export interface CachePiece {
  id: string;
  /** Of what is its own; 0 for a layer, whose bytes are those of `layer`. */
  bytes: number;
  /** Diff id. */
  layer?: string;
  inUse: boolean;
  /** Milliseconds since the epoch. */
  lastUsed: number;
}

export interface ImagePiece {
  id: string;
  /** It has a tag, or a digest as its name. */
  named: boolean;
  layers: readonly string[];
  /** Of configuration and manifest. */
  bytes: number;
  /** Whether a container, running or not, was made from it. */
  used: boolean;
  /** The image that it was made from here. */
  parent?: string;
  lastUsed: number;
}

export interface Situation {
  /** Bytes on disk by diff id. */
  layers: ReadonlyMap<string, number>;
  cache: readonly CachePiece[];
  images: readonly ImagePiece[];
}

export interface CollectionPlan {
  cache: ReadonlySet<string>;
  images: ReadonlySet<string>;
  /** What this frees. */
  bytes: number;
}

/** Milliseconds: an image that came or was used within them is about to be used. */
export const GRACE = 10 * 60 * 1000;

/**
 * What goes to free so many bytes. Least recently used first: of the build cache, then images without a name, then images that no container
 * was made from. Never what is in use, nor what would free nothing because something that stays has it too. Pure; `now` is in milliseconds.
 */
export function planCollection(situation: Situation, wanted: number, now: number): CollectionPlan {
  const collection = new Collection(situation, now);
  collection.takeCache(wanted);
  collection.takeImages((image) => !image.named, wanted);
  collection.takeImages(() => true, wanted);
  return collection;
}

const oldestFirst = (a: { lastUsed: number }, b: { lastUsed: number }) => a.lastUsed - b.lastUsed;

class Collection implements CollectionPlan {
  readonly cache = new Set<string>();
  readonly images = new Set<string>();
  bytes = 0;
  readonly #situation: Situation;
  /** How many pieces of the cache, and how many images, still have a layer. */
  readonly #cached = new Map<string, number>();
  readonly #pictured = new Map<string, number>();
  /** Layers of images that stay whatever happens. */
  readonly #kept: ReadonlySet<string>;
  readonly #candidates: ImagePiece[];

  constructor(situation: Situation, now: number) {
    this.#situation = situation;
    for (const { layer } of situation.cache) if (layer !== undefined) add(this.#cached, layer, 1);
    for (const { layers } of situation.images) for (const layer of new Set(layers)) add(this.#pictured, layer, 1);
    const stays = (image: ImagePiece) => image.used || now - image.lastUsed < GRACE;
    this.#kept = new Set(situation.images.filter(stays).flatMap(({ layers }) => layers));
    this.#candidates = situation.images.filter((image) => !stays(image)).sort(oldestFirst);
  }

  takeCache(wanted: number): void {
    for (const piece of [...this.#situation.cache].sort(oldestFirst)) {
      if (this.bytes >= wanted) return;
      // A layer that an image has too frees nothing here; it may go with the image.
      if (piece.inUse || (piece.layer !== undefined && this.#pictured.has(piece.layer))) continue;
      this.#takePiece(piece);
    }
  }

  takeImages(fits: (image: ImagePiece) => boolean, wanted: number): void {
    // Once more after each round that took some: what others were made from goes only after them.
    for (let before = -1; before < this.images.size; ) {
      before = this.images.size;
      for (const image of this.#candidates) {
        if (this.bytes >= wanted) return;
        if (!this.images.has(image.id) && fits(image) && !this.#hasChildren(image) && this.#freesSomething(image)) this.#takeImage(image);
      }
    }
  }

  #takePiece(piece: CachePiece): void {
    this.cache.add(piece.id);
    this.bytes += piece.bytes;
    if (piece.layer === undefined) return;
    add(this.#cached, piece.layer, -1);
    this.#countFreed(piece.layer);
  }

  #takeImage(image: ImagePiece): void {
    this.images.add(image.id);
    this.bytes += image.bytes;
    for (const layer of new Set(image.layers)) {
      add(this.#pictured, layer, -1);
      this.#countFreed(layer);
      if (this.#pictured.has(layer)) continue;
      // The cache has kept it for this image's sake: now it would be all that keeps it.
      for (const piece of this.#situation.cache)
        if (piece.layer === layer && !piece.inUse && !this.cache.has(piece.id)) this.#takePiece(piece);
    }
  }

  #countFreed(layer: string): void {
    if (!this.#cached.has(layer) && !this.#pictured.has(layer)) this.bytes += this.#situation.layers.get(layer) ?? 0;
  }

  #hasChildren({ id }: ImagePiece): boolean {
    return this.#situation.images.some((other) => other.parent === id && !this.images.has(other.id));
  }

  #freesSomething({ layers }: ImagePiece): boolean {
    return layers.some((layer) => !this.#kept.has(layer) && (this.#situation.layers.get(layer) ?? 0) > 0);
  }
}

/** Keys with nothing left are gone. */
function add(counts: Map<string, number>, key: string, number: number): void {
  const left = (counts.get(key) ?? 0) + number;
  if (left > 0) counts.set(key, left);
  else counts.delete(key);
}
