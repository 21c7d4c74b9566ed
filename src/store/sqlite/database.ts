import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, GantryError } from '../../base/index.ts';

/** Grows when the tables change; kept in the file as `user_version`. */
const SCHEMA_VERSION = 1;

/** Milliseconds that a statement waits for another process (a backup, a person with sqlite3) to let go of the file. */
const BUSY_TIMEOUT = 3000;

const TABLES = `
  BEGIN IMMEDIATE;
  CREATE TABLE IF NOT EXISTS rows (kind TEXT NOT NULL, id TEXT NOT NULL, revision INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  INSERT OR IGNORE INTO counters (name, value) VALUES ('revision', 0);
  PRAGMA user_version = ${SCHEMA_VERSION};
  COMMIT;`;

/**
 * Opens the file with the tables in place.
 * WAL with `synchronous=NORMAL` loses nothing when the process is killed; a power cut may undo the last changes, never half of one.
 */
export function openDatabase(path: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o711 });
    // Rows hold environment variables of containers, so nobody else may read the file; -wal and -shm take its mode.
    closeSync(openSync(path, 'a', 0o600));
    database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT });
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -1024; PRAGMA journal_size_limit = 4194304');
    const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
    if (version > SCHEMA_VERSION) throw tooNew(path, version);
    checkWhole(database);
    if (version < SCHEMA_VERSION) database.exec(TABLES);
    return database;
  } catch (error) {
    if (database?.isOpen) database.close();
    throw error instanceof GantryError ? error : openFailure(path, error);
  }
}

function checkWhole(database: DatabaseSync): void {
  const result = database
    .prepare('PRAGMA quick_check(3)')
    .all()
    .map((row) => String(row['quick_check']));
  if (result.length !== 1 || result[0] !== 'ok') throw Object.assign(new Error(result.join('; ')), { errcode: 11 });
}

function tooNew(path: string, version: number): GantryError {
  return new GantryError('unavailable', `The state file ${path} has schema version ${version}, this Gantry knows up to ${SCHEMA_VERSION}`, {
    hint: 'Start the newer Gantry that made it, or use another --data-root',
  });
}

/** SQLite's result codes (sqlite.org/rescode.html): 11 corrupt, 26 not a database. */
function openFailure(path: string, cause: unknown): GantryError {
  const code = typeof cause === 'object' && cause !== null && 'errcode' in cause ? Number(cause.errcode) & 0xff : 0;
  if (code !== 11 && code !== 26)
    return new GantryError('unavailable', `Could not open the state file ${path}: ${describe(cause)}`, { cause });
  return new GantryError('unavailable', `The state file ${path} is damaged: ${describe(cause)}. It was left untouched`, {
    cause,
    hint:
      `Restore it from a backup, or save what can be read: mv ${path} ${path}.damaged && sqlite3 ${path}.damaged .recover | sqlite3 ${path}. ` +
      'Without a state file Gantry starts empty and does not know its containers',
  });
}
