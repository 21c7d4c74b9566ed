import type { Readable } from 'node:stream';
import type { ImageRecord } from '../../model/index.ts';
import type { StoredCatalog } from '../catalog/stored-catalog.ts';
import type { OverlayContainerLayers } from '../containers/overlay-container-layers.ts';
import type { ContentStore } from '../content/content.ts';
import type { ImageAssembly, LayerLease, LayerRecord, NewImage } from '../images.ts';
import type { CaptureOptions } from '../layers/layer-store.ts';
import type { TreeLayerStore } from '../layers/tree-layer-store.ts';
import type { Pins } from './pins.ts';

export interface AssemblyParts {
  content: ContentStore;
  catalog: StoredCatalog;
  layers: TreeLayerStore;
  containers: OverlayContainerLayers;
  pins: Pins;
}

/** Images out of layers, on this host. */
export class LocalAssembly implements ImageAssembly {
  readonly #parts: AssemblyParts;

  constructor(parts: AssemblyParts) {
    this.#parts = parts;
  }

  lease(): LayerLease {
    return this.#parts.layers.lease();
  }

  async createRoot(id: string, layers: readonly string[]): Promise<void> {
    this.#parts.containers.createRoot(id, layers);
  }

  mountLayers(id: string, layers: readonly string[]): Promise<string> {
    return this.#parts.containers.mountLayers(id, layers);
  }

  async capture(id: string, options: CaptureOptions): Promise<LayerRecord | undefined> {
    return this.#parts.layers.capture(this.#parts.containers.upper(id), options);
  }

  put(image: NewImage): Promise<ImageRecord> {
    return this.#parts.catalog.put(image);
  }

  layer(diffId: string): LayerRecord | undefined {
    return this.#parts.layers.get(diffId);
  }

  config(imageId: string): Uint8Array {
    return this.#parts.content.read(imageId);
  }

  openLayer(diffId: string, signal: AbortSignal): Readable {
    return this.#parts.layers.open(diffId, signal);
  }

  pin(owner: string, layers: readonly string[]): Promise<void> {
    return this.#parts.pins.pin(owner, layers);
  }

  unpin(owner: string): Promise<void> {
    return this.#parts.pins.unpin(owner);
  }

  pins(): { owner: string; layers: readonly string[] }[] {
    return this.#parts.pins.list();
  }

  async layersOnDisk(): Promise<ReadonlyMap<string, number>> {
    return new Map((await this.#parts.layers.measured()).map(({ diffId, disk = 0 }) => [diffId, disk]));
  }

  inImage(diffId: string): boolean {
    return this.#parts.catalog.list().some((image) => image.layers.includes(diffId));
  }
}
