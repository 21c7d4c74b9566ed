import { conflict, describe, GantryError, type Log, notFound } from '../../base/index.ts';
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
  /** Rows that cannot be read: what is wrong, by id. */
  #damaged = new Map<string, string>();

  constructor(store: Store, log: Log) {
    this.#store = store;
    this.#log = log;
  }

  async load(): Promise<void> {
    const { rows, damaged } = await this.#store.list<ContainerRecord>(KIND);
    for (const { id, reason } of damaged) this.#damaged.set(id, reason);
    for (const { id, value } of rows) {
      const reason = flawOf(id, value);
      if (reason !== undefined) this.#damaged.set(id, reason);
      else {
        this.#records.set(id, value);
        this.#names.set(value.name, id);
      }
    }
    for (const [id, reason] of this.#damaged) this.#log.error('the row of a container cannot be read; it is left as it is', { id, reason });
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
    const damaged = match ? undefined : this.findDamaged(reference);
    if (damaged !== undefined) throw unreadable(damaged, this.#damaged.get(damaged));
    if (!match) throw notFound(`No such container: ${reference}`);
    return match;
  }

  /** What is there of such a container must not be taken for nobody's. */
  isDamaged(id: string): boolean {
    return this.#damaged.has(id);
  }

  /** The id of a container whose row cannot be read, by id or a prefix of at least 12 digits: its name is not known. */
  findDamaged(reference: string): string | undefined {
    if (reference.length < 12 || this.#records.has(reference)) return undefined;
    return [...this.#damaged.keys()].find((id) => id.startsWith(reference));
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

  /** Replaces the record by what `change` makes of the newest one. Fails with `notFound` when it is gone; what cannot be written has not happened. */
  async change(id: string, change: (record: ContainerRecord) => ContainerRecord): Promise<ContainerRecord> {
    const { before, after } = this.#replace(id, change);
    try {
      await this.#store.update(KIND, id, after);
    } catch (error) {
      if (this.#records.get(id) === after) this.#records.set(id, before);
      throw error;
    }
    return after;
  }

  /** Takes over what has happened already: it is so even when it cannot be written. The next change writes it too. */
  async observe(id: string, patch: Partial<ContainerState>): Promise<ContainerRecord> {
    const { after } = this.#replace(id, (record) => ({ ...record, state: { ...record.state, ...patch } }));
    await this.#store
      .update(KIND, id, after)
      .catch((error) => this.#log.error('the state of a container cannot be written', { container: after.name, error: describe(error) }));
    return after;
  }

  #replace(id: string, change: (record: ContainerRecord) => ContainerRecord) {
    const before = this.#records.get(id);
    if (!before) throw notFound(`No such container: ${id}`);
    const after = change(before);
    this.#records.set(id, after);
    return { before, after };
  }

  changeState(id: string, patch: Partial<ContainerState>): Promise<ContainerRecord> {
    return this.change(id, (record) => ({ ...record, state: { ...record.state, ...patch } }));
  }

  async rename(id: string, name: string): Promise<ContainerRecord> {
    this.#takeName(name, id);
    const old = this.#records.get(id)?.name;
    const record = await this.change(id, (r) => ({ ...r, name })).catch((error) => {
      if (old !== name) this.#names.delete(name);
      throw error;
    });
    if (old !== undefined && old !== name) this.#names.delete(old);
    return record;
  }

  async delete(id: string): Promise<void> {
    await this.#store.delete(KIND, id);
    this.#damaged.delete(id);
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

/** Undefined when the row has the shape of a container's; the rest of it was written by us and is believed. */
function flawOf(id: string, value: unknown): string | undefined {
  const { id: own, name, state, spec } = (value ?? {}) as Partial<Record<keyof ContainerRecord, unknown>>;
  if (own !== id || typeof name !== 'string') return 'it has not the id and a name';
  const status = typeof state === 'object' && state !== null && 'status' in state ? state.status : undefined;
  if (typeof status !== 'string') return 'it has no state';
  return typeof spec === 'object' && spec !== null ? undefined : 'it has no specification';
}

const unreadable = (id: string, reason = 'unknown') =>
  new GantryError('internal', `The row of container ${id} cannot be read: ${reason}.`, {
    hint: `Its process and files are left alone. gantry rm -f ${id.slice(0, 12)} ends and removes them.`,
  });
