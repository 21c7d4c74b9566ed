import { type Clock, describe, type Log } from '../../base/index.ts';
import type { ImageAssembly } from '../../images/index.ts';
import type { Store } from '../../store/index.ts';
import { keyOfPin, pinOwner, type StepRecord } from './record.ts';

const KIND = 'build-step';
/** Milliseconds until uses are written down: a crash may forget as much. */
const WRITE_DELAY = 3000;

export interface StepCacheOptions {
  store: Store;
  assembly: ImageAssembly;
  clock: Clock;
  log: Log;
}

/** The steps that need not be made again. Reads come from memory; a record is in the store before anyone finds it. */
export class StepCache {
  readonly #options: StepCacheOptions;
  readonly #records = new Map<string, StepRecord>();
  /** How many builds use a record now. */
  readonly #holders = new Map<string, number>();
  readonly #used = new Set<string>();
  #cancelWrite: (() => void) | undefined;

  constructor(options: StepCacheOptions) {
    this.#options = options;
  }

  /** Makes records and pinned layers agree: what an earlier daemon left half-written goes. */
  async load(): Promise<void> {
    const { store, assembly, log } = this.#options;
    const { rows, damaged } = await store.list<StepRecord>(KIND);
    for (const { id, value } of rows) {
      if (value?.key === id && assembly.layer(value.diffId)) this.#records.set(id, value);
      else await store.delete(KIND, id);
    }
    for (const { id, reason } of damaged) {
      log.warn('a record of the build cache cannot be read and is dropped', { record: id, reason });
      await store.delete(KIND, id);
    }
    for (const { owner } of assembly.pins()) {
      const key = keyOfPin(owner);
      if (key !== undefined && !this.#records.has(key)) await assembly.unpin(owner);
    }
  }

  /** The record with this key, as long as its layer is here. */
  find(key: string): StepRecord | undefined {
    const record = this.#records.get(key);
    if (!record || this.#options.assembly.layer(record.diffId)) return record;
    this.#records.delete(key);
    this.#quietly(this.#options.store.delete(KIND, key));
    return undefined;
  }

  list(): StepRecord[] {
    return [...this.#records.values()];
  }

  async add(record: StepRecord): Promise<void> {
    const { store, assembly } = this.#options;
    await assembly.pin(pinOwner(record.key), [record.diffId]);
    await store.update(KIND, record.key, record);
    this.#records.set(record.key, record);
  }

  /** Counts a use; it is written down a little later, together with others. */
  touch(key: string): void {
    const record = this.#records.get(key);
    if (!record) return;
    this.#records.set(key, { ...record, lastUsedAt: this.#options.clock.timestamp(), usageCount: record.usageCount + 1 });
    this.#used.add(key);
    this.#cancelWrite ??= this.#options.clock.later(WRITE_DELAY, () => this.#quietly(this.flush()));
  }

  /** Keeps a record from being pruned until the returned function is called. */
  hold(key: string): () => void {
    this.#holders.set(key, (this.#holders.get(key) ?? 0) + 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const left = (this.#holders.get(key) ?? 1) - 1;
      if (left > 0) this.#holders.set(key, left);
      else this.#holders.delete(key);
    };
  }

  isHeld(key: string): boolean {
    return this.#holders.has(key);
  }

  /** The record first: a pin without one is dropped at the next start. */
  async remove(key: string): Promise<void> {
    this.#records.delete(key);
    this.#used.delete(key);
    await this.#options.store.delete(KIND, key);
    await this.#options.assembly.unpin(pinOwner(key));
  }

  /** Writes down what `touch` noted. */
  async flush(): Promise<void> {
    this.#cancelWrite?.();
    this.#cancelWrite = undefined;
    const keys = [...this.#used];
    this.#used.clear();
    for (const key of keys) {
      const record = this.#records.get(key);
      if (record) await this.#options.store.update(KIND, key, record);
    }
  }

  #quietly(work: Promise<unknown>): void {
    work.catch((error) => this.#options.log.error('the build cache could not be written down', { error: describe(error) }));
  }
}
