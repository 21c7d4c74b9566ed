import { closeSync, constants, existsSync, openSync, readSync } from 'node:fs';
import { dirname } from 'node:path/posix';
import { GantryError } from '../../../base/index.ts';
import type { RebuildJob } from '../jobs.ts';
import type { Sink } from '../ring.ts';
import { type RecipeRecord, readRecipe } from './recipe.ts';
import { Directories, sameFile } from './tree.ts';

interface Displacement {
  /** Records before this one mean what was there before. */
  index: number;
  path: string;
  number: number;
}

/** Writes the exact tar that a tree was unpacked from. */
export function rebuildTar(job: RebuildJob, sink: Sink): void {
  const displacements = existsSync(job.displaced) ? [...displacementsOf(readRecipe(job.recipe))] : [];
  const tree = new Directories(job.root, '');
  const aside = displacements.length > 0 ? new Directories(job.displaced, '') : undefined;
  let index = 0;
  try {
    for (const record of readRecipe(job.recipe)) {
      index += 1;
      if (record.kind === 'bytes') sink.writeBlocking(record.bytes);
      if (record.kind !== 'file') continue;
      const moved = displacements.find((d) => d.index > index && (record.path === d.path || record.path.startsWith(`${d.path}/`)));
      if (moved && aside) emit(aside, `${moved.number}${record.path.slice(moved.path.length)}`, record.size, sink);
      else emit(tree, record.path, record.size, sink);
    }
  } finally {
    tree.close();
    aside?.close();
  }
}

function* displacementsOf(records: Iterable<RecipeRecord>): Generator<Displacement> {
  let index = 0;
  for (const record of records) {
    index += 1;
    if (record.kind === 'displaced') yield { index, path: record.path, number: record.number };
  }
}

function emit(tree: Directories, path: string, size: number, sink: Sink): void {
  const parent = dirname(path);
  const directory = tree.get(parent === '.' ? [] : parent.split('/'));
  const fd = openSync(`/proc/self/fd/${directory.fd}/${path.slice(path.lastIndexOf('/') + 1)}`, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    if (!sameFile(fd, size)) throw new GantryError('internal', `the file ${path} has changed`);
    copyOut(fd, size, sink);
  } finally {
    closeSync(fd);
  }
}

/** Exactly `size` bytes: zeros for what a file that shrank meanwhile does not have. */
export function copyOut(fd: number, size: number, sink: Sink): void {
  for (let left = size; left > 0; ) {
    const room = sink.roomBlocking();
    const wanted = Math.min(room.length, left);
    let count = readSync(fd, room, 0, wanted, null);
    if (count === 0) {
      room.fill(0, 0, wanted);
      count = wanted;
    }
    sink.wrote(count);
    left -= count;
  }
}
