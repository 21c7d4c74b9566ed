import { ChangeLog } from '../changes.ts';
import { alreadyExists, decode, encode, staleRevision } from '../rows.ts';
import type { Change, Row, Store } from '../store.ts';

/** A store that lasts as long as the process: for tests, and for what need not outlive the daemon. */
export function memoryStore(): Store {
  return new MemoryStore();
}

class MemoryStore implements Store {
  #kinds = new Map<string, Map<string, { json: string; revision: number }>>();
  #revision = 0;
  #changes = new ChangeLog(0);

  async get<T>(kind: string, id: string): Promise<Row<T> | undefined> {
    const row = this.#kinds.get(kind)?.get(id);
    return row && { id, value: JSON.parse(row.json), revision: row.revision };
  }

  async list<T>(kind: string): Promise<{ rows: Row<T>[]; damaged: { id: string; reason: string }[]; revision: number }> {
    const sorted = [...(this.#kinds.get(kind) ?? [])].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const rows = sorted.map(([id, row]) => decode<T>(id, row.json, row.revision)).filter((row) => 'value' in row);
    return { rows, damaged: [], revision: this.#revision };
  }

  async create<T>(kind: string, id: string, value: T): Promise<number> {
    if (this.#kinds.get(kind)?.has(id)) throw alreadyExists(kind, id);
    return this.#put(kind, id, encode(kind, id, value));
  }

  async update<T>(kind: string, id: string, value: T, revision?: number): Promise<number> {
    this.#check(kind, id, revision);
    return this.#put(kind, id, encode(kind, id, value));
  }

  async delete(kind: string, id: string, revision?: number): Promise<boolean> {
    const rows = this.#kinds.get(kind);
    if (!rows?.has(id)) return false;
    this.#check(kind, id, revision);
    rows.delete(id);
    this.#revision += 1;
    this.#changes.publish({ kind, id, revision: this.#revision, json: undefined });
    return true;
  }

  watch<T>(kind: string, fromRevision: number, signal: AbortSignal): AsyncIterable<Change<T>> {
    return this.#changes.watch(kind, fromRevision, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #check(kind: string, id: string, revision: number | undefined): void {
    const found = this.#kinds.get(kind)?.get(id)?.revision;
    if (revision !== undefined && found !== revision) throw staleRevision(kind, id, revision, found);
  }

  #put(kind: string, id: string, json: string): number {
    this.#revision += 1;
    let rows = this.#kinds.get(kind);
    if (!rows) this.#kinds.set(kind, (rows = new Map()));
    rows.set(id, { json, revision: this.#revision });
    this.#changes.publish({ kind, id, revision: this.#revision, json });
    return this.#revision;
  }
}
