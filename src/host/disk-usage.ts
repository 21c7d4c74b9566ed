import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path/posix';
import { type DiskUsage, measureTree } from './archive/measure.ts';
import { runJob } from './archive/pool.ts';

export type { DiskUsage };

/** A tree of so few files is looked at at once: that takes less than waking a thread. */
const SMALL_TREE = 200;

/** As `du -sx`: stays on the file system of `target`; nothing there is zero. Large trees are walked by a thread. */
export async function diskUsage(target: string): Promise<DiskUsage> {
  return measureTree(target, SMALL_TREE) ?? ((await runJob({ kind: 'measure', path: target })) as DiskUsage);
}

/** Bytes on disk of a folder itself and of what is in it, but for the entries that someone else counts. */
export async function restOfFolder(folder: string, counted: (name: string) => boolean): Promise<number> {
  const top = lstatSync(folder, { throwIfNoEntry: false });
  if (top === undefined) return 0;
  let bytes = top.blocks * 512;
  for (const name of readdirSync(folder)) if (!counted(name)) bytes += (await diskUsage(join(folder, name))).bytes;
  return bytes;
}
