import { type Clock, describe, type Log } from '../../base/index.ts';
import type { Store } from '../../store/index.ts';

const KIND = 'image-use';
/** Milliseconds until uses are written down, several together: a crash may forget as much. */
const WRITE_DELAY = 3000;

/** When each image was used last: small rows of their own, so that a use does not rewrite the image's. */
export class LastUses {
  readonly #options: { store: Store; clock: Clock; log: Log };
  /** RFC 3339, by image id. */
  readonly #times = new Map<string, string>();
  readonly #unwritten = new Set<string>();

  constructor(options: { store: Store; clock: Clock; log: Log }) {
    this.#options = options;
  }

  /** Reads the rows; those of images that are gone, or damaged, are dropped: they are only hints. */
  async open(isImage: (id: string) => boolean): Promise<void> {
    const { rows, damaged } = await this.#options.store.list<{ at?: unknown }>(KIND);
    for (const { id, value } of rows) {
      if (isImage(id) && typeof value?.at === 'string') this.#times.set(id, value.at);
      else await this.#options.store.delete(KIND, id);
    }
    for (const { id } of damaged) await this.#options.store.delete(KIND, id);
  }

  of(id: string): string | undefined {
    return this.#times.get(id);
  }

  touch(id: string): void {
    const { clock } = this.#options;
    this.#times.set(id, clock.timestamp());
    if (this.#unwritten.size === 0) clock.later(WRITE_DELAY, () => void this.#write());
    this.#unwritten.add(id);
  }

  async forget(id: string): Promise<void> {
    this.#unwritten.delete(id);
    if (this.#times.delete(id)) await this.#options.store.delete(KIND, id);
  }

  async #write(): Promise<void> {
    const ids = [...this.#unwritten];
    this.#unwritten.clear();
    try {
      for (const id of ids) {
        const at = this.#times.get(id);
        if (at !== undefined) await this.#options.store.update(KIND, id, { at });
      }
    } catch (error) {
      this.#options.log.warn('when images were used last could not be written down', { error: describe(error) });
    }
  }
}
