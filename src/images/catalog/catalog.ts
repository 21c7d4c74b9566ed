import type { ImageRecord } from '../../model/index.ts';
import type { LayerLease } from '../layers/layer-store.ts';

/**
 * Images and their names: which configuration blob each id has, which names point at which id. Reads come from memory,
 * changes are in the store before they are seen. Pull, load, import, build and commit all end in `put`.
 */
export interface ImageCatalog {
  list(): ImageRecord[];
  /** See `Images.get`. */
  get(reference: string): ImageRecord;
  find(reference: string): ImageRecord | undefined;
  /**
   * Makes an image visible, or adds names to one that exists. A tag that pointed at another image moves.
   * Fails with `invalid` when the configuration is not one, or a layer that it names is not here.
   */
  put(image: NewImage): Promise<ImageRecord>;
  /** The newest manifest known for an image: its exact bytes, for a push to the place it came from. Undefined when it was loaded or built. */
  manifest(imageId: string): { mediaType: string; data: Uint8Array } | undefined;
}

export interface NewImage {
  /** The configuration blob, verbatim; its digest is the image's id. */
  config: Uint8Array;
  /** Names to point at it: references with a tag or a digest, in any spelling that parses. */
  names: readonly string[];
  /** Holds the layers until the image does. */
  lease: LayerLease;
  /** The manifest it was pulled by, kept verbatim. */
  manifest?: { mediaType: string; data: Uint8Array };
  /** Id of the image that it was made from here. */
  parent?: string;
  /** What to tell the listeners: `pull`, `load`, `import` …; the reference that goes with it (the id when absent); with `tags` each name is told before. */
  event?: { action: string; reference?: string; tags?: true };
}
