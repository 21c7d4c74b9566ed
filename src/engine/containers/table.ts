import { conflict, type Log, notFound } from '../../base/index.ts';
import type { ContainerRecord, ContainerState } from '../../model/index.ts';
import type { Store } from '../../store/index.ts';

const KIND = 'container';

/**
 * The containers' rows: one map in memory for reads, the store for keeps. Records are never changed in place:
 * each change makes a new one, so that a reader's copy stays what it was and encoders may cache by identity.
 */
export class ContainerTable {
  #store: Store;
  #log: Log;
  #records = new Map<string, ContainerRecord>();
  #names = new Map<string, string>();

  constructor(store: Store, log: Log) {
    this.#store = store;
    this.#log = log;
  }

  async load(): Promise<void> {
    const { rows, damaged } = await this.#store.list<ContainerRecord>(KIND);
    for (const row of rows) {
      this.#records.set(row.id, row.value);
      this.#names.set(row.value.name, row.id);
    }
    for (const row of damaged)
      this.#log.error('a container row cannot be read; the container is left out', { id: row.id, reason: row.reason });
  }

  list(): ContainerRecord[] {
    return [...this.#records.values()];
  }

  find(id: string): ContainerRecord | undefined {
    return this.#records.get(id);
  }

  /** By id, name (with or without the slash), or unique id prefix, in this order. */
  get(reference: string): ContainerRecord {
    const exact = this.#records.get(reference);
    if (exact) return exact;
    const named = this.#names.get(reference.startsWith('/') ? reference.slice(1) : reference);
    const byName = named === undefined ? undefined : this.#records.get(named);
    if (byName) return byName;
    const matches = /^[0-9a-f]{1,64}$/.test(reference) ? this.list().filter((r) => r.id.startsWith(reference)) : [];
    if (matches.length > 1)
      throw conflict(`Multiple IDs found with provided prefix: ${reference}`, 'Give more digits of the id, or the name.');
    const [match] = matches;
    if (!match) throw notFound(`No such container: ${reference}`);
    return match;
  }

  nameTaken(name: string): string | undefined {
    return this.#names.get(name);
  }

  /** Takes name and id at once, then writes the row. */
  async insert(record: ContainerRecord): Promise<void> {
    this.#takeName(record.name, record.id);
    this.#records.set(record.id, record);
    try {
      await this.#store.create(KIND, record.id, record);
    } catch (error) {
      this.#forget(record);
      throw error;
    }
  }

  /** Replaces the record by what `change` makes of the newest one. Fails with `notFound` when it is gone. */
  async change(id: string, change: (record: ContainerRecord) => ContainerRecord): Promise<ContainerRecord> {
    const before = this.#records.get(id);
    if (!before) throw notFound(`No such container: ${id}`);
    const after = change(before);
    this.#records.set(id, after);
    await this.#store.update(KIND, id, after);
    return after;
  }

  changeState(id: string, patch: Partial<ContainerState>): Promise<ContainerRecord> {
    return this.change(id, (record) => ({ ...record, state: { ...record.state, ...patch } }));
  }

  async rename(id: string, name: string): Promise<ContainerRecord> {
    this.#takeName(name, id);
    const old = this.#records.get(id)?.name;
    const record = await this.change(id, (r) => ({ ...r, name }));
    if (old !== undefined && old !== name) this.#names.delete(old);
    return record;
  }

  async delete(id: string): Promise<void> {
    await this.#store.delete(KIND, id);
    const record = this.#records.get(id);
    if (record) this.#forget(record);
  }

  #forget(record: ContainerRecord): void {
    this.#records.delete(record.id);
    if (this.#names.get(record.name) === record.id) this.#names.delete(record.name);
  }

  #takeName(name: string, id: string): void {
    const owner = this.#names.get(name);
    if (owner !== undefined) {
      throw conflict(
        `Conflict. The container name "/${name}" is already in use by container "${owner}".`,
        'You have to remove (or rename) that container to be able to reuse that name.',
      );
    }
    this.#names.set(name, id);
  }
}
