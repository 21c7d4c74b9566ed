import type { Clock } from '../../base/index.ts';
import type { Decision } from '../../model/index.ts';
import type { Store } from '../../store/index.ts';

const KIND = 'decision';
/** Newest decisions kept for each container. */
const KEPT = 40;

/** What Gantry decided about each container and why; survives restarts. Written behind, in order. */
export class DecisionLog {
  #store: Store;
  #clock: Clock;
  #byId = new Map<string, Decision[]>();
  #writes: Promise<unknown> = Promise.resolve();

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  async load(): Promise<void> {
    const { rows } = await this.#store.list<Decision[]>(KIND);
    for (const row of rows) if (Array.isArray(row.value)) this.#byId.set(row.id, row.value);
  }

  add(id: string, what: string, why: string): void {
    const decisions = [...(this.#byId.get(id) ?? []), { time: this.#clock.timestamp(), what, why }].slice(-KEPT);
    this.#byId.set(id, decisions);
    this.#writes = this.#writes.then(() => (this.#byId.has(id) ? this.#store.update(KIND, id, decisions) : undefined));
  }

  of(id: string): Decision[] {
    return this.#byId.get(id) ?? [];
  }

  async forget(id: string): Promise<void> {
    if (!this.#byId.delete(id)) return;
    this.#writes = this.#writes.then(() => this.#store.delete(KIND, id));
    await this.#writes;
  }

  /** Resolves when everything is written. */
  async flush(): Promise<void> {
    await this.#writes;
  }
}
