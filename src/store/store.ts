/**
 * The store: rows of JSON under a kind and an id, each with a revision that grows with every change.
 *
 * Promises: a change is whole or not there, also after kill -9; `update` and `delete` with a stale
 * revision fail with `conflict` and change nothing; a row that cannot be read is reported as damaged
 * and never takes the others with it. Values are plain JSON data; what comes out is the caller's own copy.
 */
export interface Store extends AsyncDisposable {
  get<T>(kind: string, id: string): Promise<Row<T> | undefined>;
  /** Rows in the order of their ids, and the rows that cannot be read. */
  list<T>(kind: string): Promise<{ rows: Row<T>[]; damaged: { id: string; reason: string }[]; revision: number }>;
  /** Fails with `conflict` when the row exists. Resolves to the new revision. */
  create<T>(kind: string, id: string, value: T): Promise<number>;
  /** Without `revision` the row is written whatever it was (and made when missing). Resolves to the new revision. */
  update<T>(kind: string, id: string, value: T, revision?: number): Promise<number>;
  /** Resolves to whether there was a row. */
  delete(kind: string, id: string, revision?: number): Promise<boolean>;
  /** Every later change of the kind once, in order, until the signal aborts. */
  watch<T>(kind: string, fromRevision: number, signal: AbortSignal): AsyncIterable<Change<T>>;
}

export interface Row<T> {
  id: string;
  value: T;
  revision: number;
}

export type Change<T> = { type: 'put'; id: string; value: T; revision: number } | { type: 'delete'; id: string; revision: number };
