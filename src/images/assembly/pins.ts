import { invalid, type Log } from '../../base/index.ts';
import type { Store } from '../../store/index.ts';
import type { TreeLayerStore } from '../layers/tree-layer-store.ts';

const KIND = 'layer-pin';

interface PinRow {
  layers: string[];
}

/** Layers that are kept though no image names them: rows of the store, held in memory too. */
export class Pins {
  readonly #store: Store;
  readonly #layers: TreeLayerStore;
  readonly #log: Log;
  readonly #pins = new Map<string, readonly string[]>();

  constructor(options: { store: Store; layers: TreeLayerStore; log: Log }) {
    this.#store = options.store;
    this.#layers = options.layers;
    this.#log = options.log;
  }

  /** Reads the rows. One that is damaged keeps nothing, and is told. */
  async open(): Promise<void> {
    const { rows, damaged } = await this.#store.list<PinRow>(KIND);
    for (const { id, value } of rows) {
      if (isPin(value)) this.#pins.set(id, value.layers);
      else damaged.push({ id, reason: 'its row has not the shape of a pin' });
    }
    for (const { id, reason } of damaged)
      this.#log.error('what keeps some layers cannot be read; they may go', { owner: id, error: reason });
  }

  *referenced(): Generator<string> {
    for (const layers of this.#pins.values()) yield* layers;
  }

  async pin(owner: string, layers: readonly string[]): Promise<void> {
    for (const diffId of layers) if (!this.#layers.get(diffId)) throw invalid(`layer ${diffId} is missing, and so cannot be kept`);
    const before = this.#pins.get(owner);
    // In memory first: a sweep while the row is written must not take them.
    this.#pins.set(owner, [...new Set([...(before ?? []), ...layers])]);
    await this.#store.update<PinRow>(KIND, owner, { layers: [...layers] });
    this.#pins.set(owner, [...layers]);
    if (before) this.#layers.sweep(before);
  }

  async unpin(owner: string): Promise<void> {
    await this.#store.delete(KIND, owner);
    const before = this.#pins.get(owner);
    this.#pins.delete(owner);
    if (before) this.#layers.sweep(before);
  }

  list(): { owner: string; layers: readonly string[] }[] {
    return [...this.#pins].map(([owner, layers]) => ({ owner, layers }));
  }
}

const isPin = (value: unknown): value is PinRow => {
  const layers = (value as Partial<PinRow> | null)?.layers;
  return Array.isArray(layers) && layers.every((diffId) => typeof diffId === 'string');
};
