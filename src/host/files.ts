import { isUtf8 } from 'node:buffer';
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { open, readdir, rename, rm, rmdir, statfs, unlink } from 'node:fs/promises';
import path from 'node:path';
import { conflict, errnoOf, GantryError, Limiter } from '../base/index.ts';
import { tryLock } from './kernel/index.ts';
import { listMounts } from './mounts.ts';

let temporaryNumber = 0;

export interface AtomicWrite {
  /** Permission bits, whatever the umask. Default 0o644. */
  mode?: number;
  /** Default true: after a power cut there is the old or the new contents, never none. */
  fsync?: boolean;
  /** Default false: true makes sure that the name too is on the disk when the call returns. */
  fsyncDirectory?: boolean;
}

/** Replaces `file` as a whole: readers see the old or the new contents. */
export async function writeFileAtomic(file: string, data: string | Uint8Array, options: AtomicWrite = {}): Promise<void> {
  temporaryNumber += 1;
  const temporary = path.join(path.dirname(file), `.${path.basename(file).slice(0, 200)}.${process.pid}-${temporaryNumber}.tmp`);
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(data);
      await handle.chmod(options.mode ?? 0o644);
      if (options.fsync ?? true) await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw new GantryError('internal', `Could not write ${file}`, { cause: error });
  }
  if (options.fsyncDirectory) await fsyncDirectory(path.dirname(file));
}

/** Makes the names in a directory last through a power cut. */
export async function fsyncDirectory(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes `folder` and what is missing above it. `mode` is for a folder that is new. */
export function ensureDirectory(folder: string, mode = 0o755): void {
  try {
    mkdirSync(folder, { recursive: true, mode });
  } catch (error) {
    throw new GantryError('internal', `Could not make the directory ${folder}`, { cause: error });
  }
}

/**
 * THE recursive delete of this house. Removes `target` (idempotent), which must lie below `root`, links resolved.
 * It never follows a link and never crosses a mount point: a mount below `target` is a `conflict`, and nothing is removed.
 */
export async function removeTree(root: string, target: string): Promise<void> {
  const real = realTarget(root, target);
  if (real === undefined) return;
  const mounts = listMounts(real);
  if (mounts.length > 0) throw conflict(`Refusing to remove ${target}: ${mounts[0]?.target} is a mount point`);
  const stat = lstatSync(real, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isDirectory()) return void (await unlessMissing(unlink(real)));
  if (removeAtOnce(real, stat.dev)) return;
  await removeDirectory(real, { top: real, device: stat.dev, limiter: new Limiter(PARALLEL) }, 0);
}

/** A tree of so few files, none of them large, goes at once: microseconds of work need not wait for a thread, several times. */
const SMALL_ENTRIES = 48;
const SMALL_BYTES = 4 << 20;

/** Whether all of it is gone; what others add or remove meanwhile is for the long way too. */
function removeAtOnce(folder: string, device: number): boolean {
  try {
    return removeSmall(folder, device, { entries: SMALL_ENTRIES });
  } catch (error) {
    if (['ENOENT', 'ENOTEMPTY', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return false;
    throw error;
  }
}

/** Whether all of it is gone; what is left is for the long way. Works on descriptors, as `removeDirectory` does. */
function removeSmall(folder: string, device: number, left: { entries: number }): boolean {
  const descriptor = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    if (fstatSync(descriptor).dev !== device) return false;
    const base = `/proc/self/fd/${descriptor}`;
    const names = readdirSync(base, { encoding: 'buffer' });
    left.entries -= names.length;
    if (left.entries < 0 || names.some((name) => !isUtf8(name))) return false;
    for (const name of names) {
      const entry = `${base}/${name.toString()}`;
      const stat = lstatSync(entry);
      if (stat.isDirectory() ? !removeSmall(entry, device, left) : stat.size > SMALL_BYTES) return false;
      if (!stat.isDirectory()) unlinkSync(entry);
    }
  } finally {
    closeSync(descriptor);
  }
  rmdirSync(folder);
  return true;
}

/** `target` with its directory resolved (not itself: a link is removed as a link); undefined when it can't exist. */
function realTarget(root: string, target: string): string | undefined {
  const refuse = (why: string) => new GantryError('internal', `Refusing to remove ${target}: ${why}`);
  if (!path.isAbsolute(root) || !path.isAbsolute(target)) throw refuse('the path is not absolute');
  if (path.normalize(root) === '/') throw refuse('its root is /');
  const clean = path.resolve(target);
  const [realRoot, realParent] = [realPath(root), realPath(path.dirname(clean))];
  if (!isBelow(path.resolve(root), clean)) throw refuse(`it is not below ${root}`);
  if (realRoot === undefined || realParent === undefined) return undefined;
  const real = path.join(realParent, path.basename(clean));
  if (realRoot === '/' || !isBelow(realRoot, real)) throw refuse(`it leads to ${real}, which is not below ${realRoot}`);
  return real;
}

function realPath(name: string): string | undefined {
  try {
    return realpathSync(name);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

const isBelow = (root: string, target: string) => target.startsWith(`${root}/`);

// As many as libuv has threads: more would only queue up there.
const PARALLEL = 4;
const BATCH = 512;
/** Directories that are open at once. */
const DEEPEST = 64;

interface Removal {
  /** What is being removed. */
  top: string;
  device: number;
  limiter: Limiter;
}

/**
 * Depth first. Names come as bytes, since a hostile name need not be UTF-8. The directory is entered by a descriptor that
 * refuses links, so that one swapped in meanwhile leads nowhere.
 */
async function removeDirectory(folder: string | Buffer, removal: Removal, depth: number): Promise<void> {
  const { device, limiter } = removal;
  const handle = await unlessMissing(open(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW));
  if (handle === undefined) return;
  try {
    if ((await handle.stat()).dev !== device) throw conflict(`Refusing to remove ${folder}: it is on another file system`);
    const base = Buffer.from(`/proc/self/fd/${handle.fd}/`);
    const entries = await readdir(base, { encoding: 'buffer', withFileTypes: true });
    for (let start = 0; start < entries.length; start += BATCH) {
      const batch = entries.slice(start, start + BATCH);
      await Promise.all(
        batch
          .filter((entry) => !entry.isDirectory())
          .map((entry) => limiter.run(() => unlessMissing(unlink(Buffer.concat([base, entry.name]))))),
      );
    }
    // One after the other: the depth of a tree bounds the open descriptors, not its width.
    for (const entry of entries) if (entry.isDirectory()) await descend(Buffer.concat([base, entry.name]), removal, depth + 1);
  } finally {
    await handle.close();
  }
  await removeEmpty(folder, removal, depth);
}

/** What is too deep moves up to the top, which then is not empty and is gone through once more: else a hostile tree would take all descriptors. */
async function descend(folder: Buffer, removal: Removal, depth: number): Promise<void> {
  if (depth < DEEPEST) return await removeDirectory(folder, removal, depth);
  temporaryNumber += 1;
  await unlessMissing(rename(folder, path.join(removal.top, `.lifted-${process.pid}-${temporaryNumber}`)));
}

async function removeEmpty(folder: string | Buffer, removal: Removal, depth: number): Promise<void> {
  try {
    await unlessMissing(rmdir(folder));
  } catch (error) {
    // Someone has put a file in meanwhile, or we have moved something up: once more.
    if (errnoOf(error) === 'ENOTEMPTY') return removeDirectory(folder, removal, depth);
    throw error;
  }
}

async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

export interface DiskFree {
  /** Bytes. */
  total: number;
  free: number;
  /** What others than root may still use. */
  available: number;
  /** The file system's magic number (statfs(2)). */
  fstype: number;
}

/** Of the file system that holds `target`. */
export async function diskFree(target: string): Promise<DiskFree> {
  const { blocks, bsize, bfree, bavail, type } = await statfs(target);
  return { total: blocks * bsize, free: bfree * bsize, available: bavail * bsize, fstype: type };
}

export interface FileLock {
  /** Idempotent. The kernel releases it too when the process ends, however that happens. */
  release(): void;
}

/** Takes an exclusive lock (flock) and writes our pid into the file. `conflict` names the pid of the holder. */
export function lockFile(file: string): FileLock {
  let fd: number | undefined = openSync(file, constants.O_RDWR | constants.O_CREAT, 0o644);
  if (!tryLock(fd)) {
    closeSync(fd);
    const holder = readFileSync(file, 'utf8').trim();
    throw conflict(
      `${file} is locked by process ${holder || 'unknown'}`,
      'Stop the daemon that uses this directory, or choose another directory',
    );
  }
  ftruncateSync(fd, 0);
  writeSync(fd, `${process.pid}\n`, 0);
  return {
    release() {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}
