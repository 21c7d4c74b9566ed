import { KeyedQueue } from '../../base/index.ts';
import type { ContainerLayers } from '../../images/index.ts';

/**
 * Who needs a container's root filesystem mounted: its own run, and anyone who copies, compares or exports.
 * The last one to let go unmounts it.
 */
export class RootMounts {
  #layers: ContainerLayers;
  #holders = new Map<string, Set<string>>();
  #queue = new KeyedQueue();

  constructor(layers: ContainerLayers) {
    this.#layers = layers;
  }

  /** Mounts if need be and returns the path. The same holder holds once. */
  hold(id: string, holder: string): Promise<string> {
    return this.#queue.run(id, async () => {
      const path = await this.#layers.mount(id);
      const holders = this.#holders.get(id) ?? new Set();
      this.#holders.set(id, holders.add(holder));
      return path;
    });
  }

  release(id: string, holder: string): Promise<void> {
    return this.#queue.run(id, async () => {
      const holders = this.#holders.get(id);
      holders?.delete(holder);
      if (holders && holders.size > 0) return;
      this.#holders.delete(id);
      await this.#layers.unmount(id);
    });
  }

  /** Holds the root for the length of `work`. */
  async using<T>(id: string, holder: string, work: (root: string) => Promise<T>): Promise<T> {
    const root = await this.hold(id, holder);
    try {
      return await work(root);
    } finally {
      await this.release(id, holder);
    }
  }
}
