import type { CacheEntry } from '../build/index.ts';
import type { Engine } from '../engine/index.ts';
import type { Situation } from './plan.ts';

/** What a collection decides on. */
export async function situationOf({ images, imageUse }: Engine, cache: readonly CacheEntry[]): Promise<Situation> {
  const { layers, documents } = await images.storage();
  return {
    layers,
    cache: cache.map(({ id, size, layer, inUse, lastUsedAt }) => ({
      ...{ id, inUse, lastUsed: Date.parse(lastUsedAt) },
      ...(layer === undefined ? { bytes: size } : { bytes: 0, layer }),
    })),
    images: images.list().map((image) => ({
      id: image.id,
      named: image.tags.length + image.digests.length > 0,
      layers: image.layers,
      bytes: documents.get(image.id) ?? 0,
      used: imageUse.usedBy(image.id).length > 0,
      ...(image.parent === undefined ? {} : { parent: image.parent }),
      lastUsed: Date.parse(images.lastUsed(image.id)),
    })),
  };
}
