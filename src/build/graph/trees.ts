import type { LayerLease } from '../../images/index.ts';
import type { SourceTree } from '../files/files.ts';
import type { BuildParts } from '../parts.ts';

/** Layers shown as directories, for as long as a build needs them: each chain is mounted once, at its first use. */
export class LayerTrees {
  readonly #parts: BuildParts;
  readonly #undo: AsyncDisposableStack;
  readonly #lease: LayerLease;
  readonly #mounted = new Map<string, Promise<string>>();

  constructor(parts: BuildParts, lease: LayerLease, undo: AsyncDisposableStack) {
    this.#parts = parts;
    this.#lease = lease;
    this.#undo = undo;
  }

  tree(label: string, layers: () => Promise<readonly string[]>): SourceTree {
    return { label, root: async () => this.root(await layers()), knownDigest: () => undefined };
  }

  /** Base first. */
  root(layers: readonly string[]): Promise<string> {
    const key = layers.join(' ');
    const known = this.#mounted.get(key);
    if (known) return known;
    for (const layer of layers) this.#lease.add(layer);
    const id = this.#parts.ids.next();
    this.#undo.defer(() => this.#parts.images.layers.remove(id));
    const mounting = this.#parts.assembly.mountLayers(id, layers);
    this.#mounted.set(key, mounting);
    return mounting;
  }
}
