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

/** Changes when a file of the folder does; '' when there is none. There may be hundreds of thousands, so nothing waits in between. */
export async function folderStamp(folder: string): Promise<string> {
  const hash = createHash('sha256');
  let any = false;
  const pending = [folder];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    const entries = await readdir(at, { withFileTypes: true }).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return [];
      throw error;
    });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) pending.push(path);
      if (!entry.isFile() || !DATA.test(entry.name)) continue;
      const { size, mtimeMs, ino } = await stat(path);
      hash.update(`${path} ${ino} ${size} ${mtimeMs}\n`);
      any = true;
    }
  }
  return any ? hash.digest('hex') : '';
}
