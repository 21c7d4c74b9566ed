import { createHash } from 'node:crypto';
import { type Dirent, readdirSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../../base/index.ts';

const DATA = /\.(json|zip)$/;

/** The files of a folder that may hold advisories, and of those in it, by name. None when there is no such folder. */
export function* advisoryFiles(folder: string): Generator<string> {
  let entries: Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw error;
  }
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* advisoryFiles(path);
    else if (entry.isFile() && DATA.test(entry.name)) yield path;
  }
}

/** Of a folder of more files than this, only what was added, removed or put in another's place is noticed, by the folder's own time. */
const MOST_LOOKED_AT = 1000;

/** Changes when a file of the folder does; '' when there is none. Asked for each container that a policy admits, so it must be quick. */
export async function folderStamp(folder: string): Promise<string> {
  const hash = createHash('sha256');
  let any = false;
  const pending = [folder];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    const entries = await entriesOf(at);
    for (const { name } of entries.filter((entry) => entry.isDirectory())) pending.push(join(at, name));
    const files = entries.filter((entry) => entry.isFile() && DATA.test(entry.name));
    if (files.length === 0) continue;
    any = true;
    for (const path of files.length > MOST_LOOKED_AT ? [at] : files.map(({ name }) => join(at, name))) {
      const { size, mtimeMs, ino } = await stat(path);
      hash.update(`${path} ${ino} ${size} ${mtimeMs}\n`);
    }
  }
  return any ? hash.digest('hex') : '';
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return (await readdir(folder, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}
