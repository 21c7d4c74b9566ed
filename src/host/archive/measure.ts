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

interface Walk {
  usage: DiskUsage;
  device: number;
  linked: Set<number>;
  /** So many files may still be looked at. */
  left: number;
}

/**
 * As `du -sx`, at once: stays on the file system of `target`, which may be a file; nothing there is zero. Undefined when there are more than
 * `limit` files. What vanishes meanwhile is not counted.
 */
export function measureTree(target: string, limit = Number.POSITIVE_INFINITY): DiskUsage | undefined {
  const usage: DiskUsage = { bytes: 0, length: 0, inodes: 0 };
  const top = statOf(Buffer.from(target));
  if (!top) return usage;
  const walk: Walk = { usage, device: top.dev, linked: new Set(), left: limit };
  count(walk, top);
  if (top.isDirectory() && !enter(walk, Buffer.from(target))) return undefined;
  return usage;
}

type Stat = NonNullable<ReturnType<typeof statOf>>;

function count({ usage, linked }: Walk, stat: Stat): void {
  const folder = stat.isDirectory();
  if (!folder && stat.nlink > 1) {
    if (linked.has(stat.ino)) return;
    linked.add(stat.ino);
  }
  usage.bytes += stat.blocks * 512;
  if (!folder) usage.length += stat.size;
  usage.inodes += 1;
}

/** False when the limit is passed. */
function enter(walk: Walk, folder: Buffer): boolean {
  if (folder.length > LONG_PATH) return enterByDescriptor(walk, folder);
  const names = unlessMissing(() => readdirSync(folder, { encoding: 'buffer' })) ?? [];
  walk.left -= names.length;
  if (walk.left < 0) return false;
  for (const name of names) {
    const path = Buffer.concat([folder, SLASH, name]);
    const stat = statOf(path);
    if (stat?.dev !== walk.device) continue;
    count(walk, stat);
    if (stat.isDirectory() && !enter(walk, path)) return false;
  }
  return true;
}

function enterByDescriptor(walk: Walk, folder: Buffer): boolean {
  const descriptor = unlessMissing(() => openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW));
  if (descriptor === undefined) return true;
  try {
    return enter(walk, Buffer.from(`/proc/self/fd/${descriptor}`));
  } finally {
    closeSync(descriptor);
  }
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
