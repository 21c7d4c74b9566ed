import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { AdvisoryState } from '../scan.ts';
import type { AdvisoryIndex } from './advisory.ts';
import { addTracker, isTracker } from './debian.ts';
import { addOsvRecord, isOsvRecord } from './osv.ts';

const MOST_BYTES = 512 * 1024 * 1024;

export interface Advisories {
  index: AdvisoryIndex;
  state: AdvisoryState;
}

/**
 * Reads a folder, and those in it: `.json` files that hold an OSV record, a list of them, or Debian's tracker document.
 * A file that is none of these is told, not fatal. Undefined when there is no such folder or no data in it.
 */
export function loadAdvisories(folder: string): Advisories | undefined {
  const state: AdvisoryState = { folder, osv: 0, debian: 0, newest: '', unreadable: [] };
  const index: AdvisoryIndex = new Map();
  for (const path of jsonFiles(folder)) {
    try {
      const { size, mtime } = statSync(path);
      if (size > MOST_BYTES) throw new Error(`it has ${size} bytes, more than ${MOST_BYTES}`);
      take(index, state, JSON.parse(readFileSync(path, 'utf8')));
      const changed = mtime.toISOString();
      if (changed > state.newest) state.newest = changed;
    } catch (error) {
      state.unreadable.push({ path, reason: (error as Error).message.slice(0, 200) });
    }
  }
  return state.osv + state.debian + state.unreadable.length === 0 ? undefined : { index, state };
}

/** Changes when a file of the folder does. */
export function folderStamp(folder: string): string {
  return [...jsonFiles(folder)]
    .map((path) => {
      const { size, mtimeMs, ino } = statSync(path);
      return `${path} ${ino} ${size} ${mtimeMs}`;
    })
    .join('\n');
}

function* jsonFiles(folder: string): Generator<string> {
  let entries: import('node:fs').Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* jsonFiles(path);
    else if (entry.isFile() && entry.name.endsWith('.json')) yield path;
  }
}

function take(index: AdvisoryIndex, state: AdvisoryState, value: unknown): void {
  if (Array.isArray(value) && value.every(isOsvRecord)) {
    for (const record of value) addOsvRecord(index, record);
    state.osv += value.length;
  } else if (isOsvRecord(value)) {
    addOsvRecord(index, value);
    state.osv += 1;
  } else if (isTracker(value)) state.debian += addTracker(index, value);
  else throw new Error('it is neither an OSV record nor the document of Debian’s security tracker');
}
