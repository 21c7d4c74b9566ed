import type { ImageStorage } from '../images/index.ts';
import type { ImageRecord } from '../model/index.ts';
import type { ImagesOnDisk } from './disk.ts';

/** What images own. Layers that only the build cache keeps are not theirs. `usedBy` tells the number of an image's containers. Pure. */
export function imagesOnDisk(images: readonly ImageRecord[], storage: ImageStorage, usedBy: (imageId: string) => number): ImagesOnDisk {
  const users = new Map<string, number>();
  for (const image of images) for (const diffId of new Set(image.layers)) users.set(diffId, (users.get(diffId) ?? 0) + 1);
  const sizeOf = (diffIds: Iterable<string>) => sum([...diffIds].map((diffId) => storage.layers.get(diffId) ?? 0));
  const list = images.map((image) => {
    const layers = [...new Set(image.layers)];
    return {
      image,
      size: sizeOf(layers) + (storage.documents.get(image.id) ?? 0),
      sharedSize: sizeOf(layers.filter((diffId) => (users.get(diffId) ?? 0) > 1)),
      containers: usedBy(image.id),
    };
  });
  const owned = [...storage.layers.keys()].filter((diffId) => !storage.pinned.has(diffId));
  return { total: sizeOf(owned) + sum(storage.documents.values()), rest: storage.rest, list };
}

export function sum(numbers: Iterable<number>): number {
  let all = 0;
  for (const number of numbers) all += number;
  return all;
}
