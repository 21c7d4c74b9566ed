import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { describe, errnoOf, GantryError } from '../../base/index.ts';
import { ChangeLog } from '../changes.ts';
import { alreadyExists, decode, encode, staleRevision, unreadable } from '../rows.ts';
import type { Change, Row, Store } from '../store.ts';
import { openDatabase } from './database.ts';
import { Reserve } from './reserve.ts';

/** Revisions are handed out in blocks: the file holds the end of the block, so that a change is one statement. */
const REVISION_BLOCK = 10_000;

/**
 * Opens (and makes when missing) the store in the SQLite file `path`. Its folder is made too.
 * Fails with `unavailable` when the file is damaged, locked, or made by a newer version; the file is left as it is.
 */
export async function openStore(path: string): Promise<Store> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o711 });
  const reserve = new Reserve(`${path}-reserve`);
  for (;;) {
    try {
      return new SqliteStore(openDatabase(path), path, reserve);
    } catch (error) {
      // The index of its log must be made anew, and the disk may be full.
      if (!(error instanceof GantryError && isFull(error.cause) && reserve.release())) throw error;
    }
  }
}

class SqliteStore implements Store {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #changes: ChangeLog;
  readonly #reserve: Reserve;
  #revision: number;
  #blockEnd: number;
  readonly #statements;

  constructor(database: DatabaseSync, path: string, reserve: Reserve) {
    this.#database = database;
    this.#path = path;
    this.#reserve = reserve;
    const prepare = (sql: string) => database.prepare(sql);
    this.#statements = {
      get: prepare('SELECT value, revision FROM rows WHERE kind = ? AND id = ?'),
      list: prepare('SELECT id, value, revision FROM rows WHERE kind = ? ORDER BY id'),
      create: prepare('INSERT INTO rows (kind, id, revision, value) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING'),
      put: prepare(
        'INSERT INTO rows (kind, id, revision, value) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET revision = ?3, value = ?4',
      ),
      swap: prepare('UPDATE rows SET revision = ?3, value = ?4 WHERE kind = ?1 AND id = ?2 AND revision = ?5'),
      delete: prepare('DELETE FROM rows WHERE kind = ? AND id = ?'),
      deleteSwap: prepare('DELETE FROM rows WHERE kind = ? AND id = ? AND revision = ?'),
      // Relative: another process that has the file open takes blocks of its own.
      reserve: prepare("UPDATE counters SET value = value + ? WHERE name = 'revision' RETURNING value"),
    };
    const counter = prepare("SELECT value FROM counters WHERE name = 'revision'").get();
    this.#revision = Number(counter?.['value'] ?? 0);
    this.#blockEnd = this.#revision;
    this.#changes = new ChangeLog(this.#revision);
  }

  async get<T>(kind: string, id: string): Promise<Row<T> | undefined> {
    const found = this.#do(() => this.#statements.get.get(kind, id));
    if (!found) return undefined;
    const row = decode<T>(id, found['value'], found['revision']);
    if ('reason' in row) throw unreadable(kind, id, row.reason);
    return row;
  }

  async list<T>(kind: string): Promise<{ rows: Row<T>[]; damaged: { id: string; reason: string }[]; revision: number }> {
    const rows: Row<T>[] = [];
    const damaged: { id: string; reason: string }[] = [];
    for (const found of this.#do(() => this.#statements.list.all(kind))) {
      const row = decode<T>(String(found['id']), found['value'], found['revision']);
      if ('reason' in row) damaged.push(row);
      else rows.push(row);
    }
    return { rows, damaged, revision: this.#revision };
  }

  async create<T>(kind: string, id: string, value: T): Promise<number> {
    const json = encode(kind, id, value);
    const revision = this.#nextRevision();
    // What is new has no claim to the reserve.
    if (this.#do(() => this.#statements.create.run(kind, id, revision, json)).changes !== 1) throw alreadyExists(kind, id);
    return this.#publish(kind, id, revision, json);
  }

  async update<T>(kind: string, id: string, value: T, expected?: number): Promise<number> {
    const json = encode(kind, id, value);
    const revision = this.#nextRevision();
    if (expected === undefined) this.#changed(this.#statements.put, kind, id, revision, json);
    else if (!this.#changed(this.#statements.swap, kind, id, revision, json, expected))
      throw staleRevision(kind, id, expected, this.#revisionOf(kind, id));
    return this.#publish(kind, id, revision, json);
  }

  async delete(kind: string, id: string, expected?: number): Promise<boolean> {
    const revision = this.#nextRevision();
    const deleted =
      expected === undefined
        ? this.#changed(this.#statements.delete, kind, id)
        : this.#changed(this.#statements.deleteSwap, kind, id, expected);
    if (deleted) {
      this.#publish(kind, id, revision, undefined);
      return true;
    }
    const found = this.#revisionOf(kind, id);
    if (expected !== undefined && found !== undefined) throw staleRevision(kind, id, expected, found);
    return false;
  }

  watch<T>(kind: string, fromRevision: number, signal: AbortSignal): AsyncIterable<Change<T>> {
    return this.#changes.watch(kind, fromRevision, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#database.isOpen) this.#database.close();
  }

  /** One more than any revision that this process or an earlier one handed out, and never one of a process beside it. */
  #nextRevision(): number {
    if (this.#revision >= this.#blockEnd) {
      const counter = this.#do(() => this.#withReserve(() => this.#statements.reserve.get(REVISION_BLOCK)));
      this.#blockEnd = Number(counter?.['value']);
      this.#revision = this.#blockEnd - REVISION_BLOCK;
    }
    return this.#revision + 1;
  }

  #publish(kind: string, id: string, revision: number, json: string | undefined): number {
    this.#revision = revision;
    this.#changes.publish({ kind, id, revision, json });
    return revision;
  }

  #changed(statement: StatementSync, ...values: (string | number)[]): boolean {
    return this.#do(() => this.#withReserve(() => statement.run(...values))).changes === 1;
  }

  /** Changes and deletions go on when the disk is full: they are what makes room again. */
  #withReserve<R>(write: () => R): R {
    for (;;) {
      try {
        const result = write();
        this.#reserve.refill();
        return result;
      } catch (error) {
        if (!isFull(error) || !this.#reserve.release()) throw error;
      }
    }
  }

  #revisionOf(kind: string, id: string): number | undefined {
    const row = this.#do(() => this.#statements.get.get(kind, id));
    return row && Number(row['revision']);
  }

  #do<R>(work: () => R): R {
    try {
      return work();
    } catch (error) {
      if (errnoOf(error) !== 'ERR_SQLITE_ERROR') throw error;
      if (isFull(error))
        throw new GantryError('unavailable', `No space left on device: the state file ${this.#path} cannot be written`, {
          hint: 'Remove containers, images or volumes that are not needed; removing works on a full disk too.',
        });
      throw new GantryError('unavailable', `The state file ${this.#path} cannot be used: ${describe(error)}`, { cause: error });
    }
  }
}

/** SQLite's result codes (sqlite.org/rescode.html): 13 the disk is full, 4874 no room for the index of the log. */
function isFull(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'errcode' in error && (error.errcode === 13 || error.errcode === 4874);
}
