import type { Pins } from './assembly/pins.ts';
import type { StoredCatalog } from './catalog/stored-catalog.ts';
import type { OverlayContainerLayers } from './containers/overlay-container-layers.ts';
import type { ContentStore } from './content/content.ts';
import type { ImageStorage } from './images.ts';
import type { TreeLayerStore } from './layers/tree-layer-store.ts';

export interface StorageParts {
  content: ContentStore;
  catalog: StoredCatalog;
  layers: TreeLayerStore;
  containers: OverlayContainerLayers;
  pins: Pins;
}

/** Who owns which bytes of `layers/` and `images/`. Layers are measured once in their life; the rest is a handful of files. */
export async function imageStorage({ content, catalog, layers, containers, pins }: StorageParts): Promise<ImageStorage> {
  const measured = await layers.measured();
  const blobs = new Map(content.list().map(({ digest, disk }) => [digest, disk]));
  const documents = new Map<string, number>();
  for (const { id } of catalog.list()) {
    let bytes = 0;
    for (const digest of catalog.documents(id)) {
      bytes += blobs.get(digest) ?? 0;
      blobs.delete(digest);
    }
    documents.set(id, bytes);
  }
  const inImages = new Set(catalog.list().flatMap((image) => image.layers));
  return {
    pinned: new Set([...pins.referenced()].filter((diffId) => !inImages.has(diffId))),
    layers: new Map(measured.map(({ diffId, disk = 0 }) => [diffId, disk])),
    documents,
    rest: sum(blobs.values()) + content.folders() + (await containers.rest(layers.names())),
  };
}

/** Bytes on disk that went since `before`. */
export function freedSince(before: ImageStorage, { layers, catalog }: StorageParts): number {
  const gone = (sizes: ReadonlyMap<string, number>, has: (id: string) => boolean) =>
    sum([...sizes].map(([id, bytes]) => (has(id) ? 0 : bytes)));
  return gone(before.layers, (id) => layers.get(id) !== undefined) + gone(before.documents, (id) => catalog.find(id) !== undefined);
}

function sum(numbers: Iterable<number>): number {
  let all = 0;
  for (const number of numbers) all += number;
  return all;
}
