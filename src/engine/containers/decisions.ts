import type { Clock } from '../../base/index.ts';
import type { Decision } from '../../model/index.ts';
import type { Store } from '../../store/index.ts';

/** Newest decisions kept for each subject. */
const KEPT = 40;

/** What Gantry decided about each container (or whatever `kind` of rows it is) and why; survives restarts. Written behind, in order. */
export class DecisionLog {
  #store: Store;
  #kind: string;
  #clock: Clock;
  #byId = new Map<string, Decision[]>();
  #writes: Promise<unknown> = Promise.resolve();

  constructor(store: Store, clock: Clock, kind = 'decision') {
    this.#kind = kind;
    this.#store = store;
    this.#clock = clock;
  }

  async load(): Promise<void> {
    const { rows } = await this.#store.list<Decision[]>(this.#kind);
    for (const row of rows) if (Array.isArray(row.value)) this.#byId.set(row.id, row.value);
  }

  add(id: string, what: string, why: string): void {
    const decisions = [...(this.#byId.get(id) ?? []), { time: this.#clock.timestamp(), what, why }].slice(-KEPT);
    this.#byId.set(id, decisions);
    this.#writes = this.#writes.then(() => (this.#byId.has(id) ? this.#store.update(this.#kind, id, decisions) : undefined));
  }

  of(id: string): Decision[] {
    return this.#byId.get(id) ?? [];
  }

  async forget(id: string): Promise<void> {
    if (!this.#byId.delete(id)) return;
    this.#writes = this.#writes.then(() => this.#store.delete(this.#kind, id));
    await this.#writes;
  }

  /** Resolves when everything is written. */
  async flush(): Promise<void> {
    await this.#writes;
  }
}
