import { closeSync, constants, lstatSync, openSync, readdirSync } from 'node:fs';
import { errnoOf } from '../../base/index.ts';

export interface DiskUsage {
  /** On-disk bytes (allocated blocks), hard links counted once. */
  bytes: number;
  /** Bytes by length, folders not counted: what Docker shows as a size. */
  length: number;
  inodes: number;
}

/** Bytes: a path that is longer is reached by a descriptor, as the kernel takes no more than 4096 at once. */
const LONG_PATH = 3_000;

interface Folder {
  /** How the kernel reaches it. */
  path: Buffer;
  /** Held open while what is below is reached through it. */
  descriptor: number | undefined;
  /** What has not been looked at. */
  names: Buffer[];
}

/**
 * As `du -sx`, at once: stays on the file system of `target`, which may be a file; nothing there is zero. Undefined when there are more than
 * `limit` files. What vanishes meanwhile is not counted. However deep a tree is, it needs no stack of calls.
 */
export function measureTree(target: string, limit = Number.POSITIVE_INFINITY): DiskUsage | undefined {
  const usage: DiskUsage = { bytes: 0, length: 0, inodes: 0 };
  const top = statOf(Buffer.from(target));
  if (!top) return usage;
  const linked = new Set<number>();
  count(usage, linked, top);
  const folders: Folder[] = top.isDirectory() ? [enter(Buffer.from(target))] : [];
  let left = limit - (folders[0]?.names.length ?? 0);
  try {
    for (let folder = folders.at(-1); folder && left >= 0; folder = folders.at(-1)) {
      const name = folder.names.pop();
      if (name === undefined) {
        leave(folders.pop());
        continue;
      }
      const path = Buffer.concat([folder.path, SLASH, name]);
      const stat = statOf(path);
      if (stat?.dev !== top.dev) continue;
      count(usage, linked, stat);
      if (!stat.isDirectory()) continue;
      const below = enter(path);
      left -= below.names.length;
      folders.push(below);
    }
  } finally {
    while (folders.length > 0) leave(folders.pop());
  }
  return left < 0 ? undefined : usage;
}

type Stat = NonNullable<ReturnType<typeof statOf>>;

function count(usage: DiskUsage, linked: Set<number>, stat: Stat): void {
  const folder = stat.isDirectory();
  if (!folder && stat.nlink > 1) {
    if (linked.has(stat.ino)) return;
    linked.add(stat.ino);
  }
  usage.bytes += stat.blocks * 512;
  if (!folder) usage.length += stat.size;
  usage.inodes += 1;
}

function enter(path: Buffer): Folder {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  const descriptor = path.length > LONG_PATH ? unlessMissing(() => openSync(path, flags)) : undefined;
  const short = descriptor === undefined ? path : Buffer.from(`/proc/self/fd/${descriptor}`);
  return { path: short, descriptor, names: unlessMissing(() => readdirSync(short, { encoding: 'buffer' })) ?? [] };
}

function leave(folder: Folder | undefined): void {
  if (folder?.descriptor !== undefined) closeSync(folder.descriptor);
}

const SLASH = Buffer.from('/');

const statOf = (path: Buffer) => lstatSync(path, { throwIfNoEntry: false });

function unlessMissing<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}
