import { closeSync, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { zipEntries } from '../archive/zip.ts';
import { readPiece } from '../inventory/walk.ts';
import type { AdvisoryState } from '../scan.ts';
import { AdvisoryIndex } from './advisory.ts';
import { addSecurityDatabase, isSecurityDatabase } from './alpine.ts';
import { addTracker, isTracker } from './debian.ts';
import { advisoryFiles } from './folder.ts';
import { addOsvRecord, isOsvRecord } from './osv.ts';

const MOST_BYTES = 512 * 1024 * 1024;
/** Of one record in a zip. */
const MOST_RECORD = 64 * 1024 * 1024;
/** Files that could not be read, told by name. */
const MOST_TOLD = 100;

export interface Advisories {
  index: AdvisoryIndex;
  state: AdvisoryState;
}

/**
 * Reads a folder, and those in it: `.json` files that hold an OSV record, a list of them, Debian's tracker document or a database of
 * Alpine's, and `.zip` files of such (osv.dev's `all.zip`). A file that is none of these is told, not fatal. Keeps what is about the
 * packages of `wanted` (`packageKey`). Undefined when there is no such folder or no data in it.
 */
export function loadAdvisories(folder: string, wanted: ReadonlySet<string>): Advisories | undefined {
  const state: AdvisoryState = { folder, osv: 0, debian: 0, alpine: 0, byEcosystem: {}, newest: '', unreadable: [] };
  const index = new AdvisoryIndex(wanted);
  for (const path of advisoryFiles(folder)) {
    try {
      if (path.endsWith('.zip')) takeZip(index, state, path);
      else take(index, state, JSON.parse(readText(path)));
      const changed = statSync(path).mtime.toISOString();
      if (changed > state.newest) state.newest = changed;
    } catch (error) {
      tell(state, path, error);
    }
  }
  state.byEcosystem = Object.fromEntries(index.counts);
  return state.osv + state.debian + state.alpine + state.unreadable.length === 0 ? undefined : { index, state };
}

function readText(path: string): string {
  const { size } = statSync(path);
  if (size > MOST_BYTES) throw new Error(`it has ${size} bytes, more than ${MOST_BYTES}`);
  return readFileSync(path, 'utf8');
}

function takeZip(index: AdvisoryIndex, state: AdvisoryState, path: string): void {
  const fd = openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    let any = false;
    for (const entry of zipEntries({ size, read: (offset, length) => readPiece(fd, offset, length) })) {
      any = true;
      if (!entry.name.endsWith('.json')) continue;
      try {
        take(index, state, JSON.parse(entry.read(MOST_RECORD).toString('utf8')));
      } catch (error) {
        tell(state, `${path}!${entry.name}`, error);
      }
    }
    if (!any) throw new Error('it is no zip archive');
  } finally {
    closeSync(fd);
  }
}

function tell(state: AdvisoryState, path: string, error: unknown): void {
  if (state.unreadable.length < MOST_TOLD) state.unreadable.push({ path, reason: (error as Error).message.slice(0, 200) });
}

function take(index: AdvisoryIndex, state: AdvisoryState, value: unknown): void {
  if (Array.isArray(value) && value.every(isOsvRecord)) {
    for (const record of value) addOsvRecord(index, record);
    state.osv += value.length;
  } else if (isOsvRecord(value)) {
    addOsvRecord(index, value);
    state.osv += 1;
  } else if (isSecurityDatabase(value)) state.alpine += addSecurityDatabase(index, value);
  else if (isTracker(value)) state.debian += addTracker(index, value);
  else throw new Error("it is neither an OSV record, nor the document of Debian's security tracker, nor a database of Alpine's");
}
