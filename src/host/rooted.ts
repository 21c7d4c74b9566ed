/**
 * File work inside a directory whose contents someone else controls (images, archives, running containers).
 * Every path is resolved by the kernel as if the directory were `/` (openat2, RESOLVE_IN_ROOT), and the work is
 * done on the descriptor that results: links that are swapped meanwhile can't lead out.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  readSync,
  type Stats,
  writeSync,
} from 'node:fs';
import { errnoOf, GantryError } from '../base/index.ts';
import { O_PATH, openat2InRoot } from './kernel/index.ts';

const { O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
// What has too long a name, or lies behind a circle of links, is not there either.
const MISSING = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP']);
const isMissing = (error: unknown) => MISSING.has(errnoOf(error) ?? '');

/** An absolute or relative path that means the same inside the root; the empty one means the root. */
const inside = (path: string) => (path === '' ? '/' : path);

/** Opens `path` inside `root`; the caller closes the descriptor. Errors are Node's own (`ENOENT` …). */
export function openInRoot(root: string, path: string, flags: number, mode = 0): number {
  const rootFd = openSync(root, O_PATH | O_DIRECTORY);
  try {
    return openat2InRoot(rootFd, inside(path), flags, (flags & O_CREAT) === 0 ? 0 : mode);
  } finally {
    closeSync(rootFd);
  }
}

function withOpen<T>(root: string, path: string, flags: number, use: (fd: number) => T): T | undefined {
  let fd: number;
  try {
    fd = openInRoot(root, path, flags);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

/** Follows links. Undefined when there is nothing. */
export function statInRoot(root: string, path: string): Stats | undefined {
  return withOpen(root, path, O_PATH, (fd) => fstatSync(fd));
}

/** Of the link itself when the last part is one. Undefined when there is nothing. */
export function lstatInRoot(root: string, path: string): Stats | undefined {
  return withOpen(root, path, O_PATH | O_NOFOLLOW, (fd) => fstatSync(fd));
}

/** The text of a link. `EINVAL` when it is none. */
export function readlinkInRoot(root: string, path: string): string {
  const parent = openParentInRoot(root, path);
  try {
    return readlinkSync(parent.entry);
  } finally {
    parent.close();
  }
}

export interface ParentInRoot {
  /** Descriptor of the directory (O_PATH). */
  fd: number;
  /** The last part of the path. */
  name: string;
  /** `/proc/self/fd/N/name`: use it with calls that do not follow a link at the end (lstat, lchown, O_NOFOLLOW, unlink). */
  entry: string;
  close(): void;
}

/** Opens the directory that holds the last part of `path`, links before it resolved. The caller closes it. */
export function openParentInRoot(root: string, path: string): ParentInRoot {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  const name = parts.pop();
  if (name === undefined || name === '..') throw new GantryError('invalid', `The path "${path}" does not end in a name`);
  const fd = openInRoot(root, parts.join('/'), O_PATH | O_DIRECTORY);
  return { fd, name, entry: `/proc/self/fd/${fd}/${name}`, close: () => closeSync(fd) };
}

const MAX_LINKS = 40;

/**
 * The absolute path inside `root` (such as `/etc/hosts`) after all links; with `followLast` false the last one stays.
 * Parts that do not exist are kept as they are. Good for showing and for later calls of this file, which resolve again;
 * never join it to `root` for work of your own while others can write there.
 */
export function resolveInRoot(root: string, path: string, options: { followLast?: boolean } = {}): string {
  const followLast = options.followLast ?? true;
  let todo = path.split('/');
  let done: string[] = [];
  let links = 0;
  while (todo.length > 0) {
    const part = todo.shift() as string;
    if (part === '' || part === '.') continue;
    if (part === '..') {
      done.pop();
      continue;
    }
    const here = [...done, part];
    const last = todo.every((rest) => rest === '' || rest === '.');
    const link = last && !followLast ? undefined : linkAt(root, `/${here.join('/')}`);
    if (link === undefined) {
      done = here;
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) throw new GantryError('invalid', `Too many symbolic links in "${path}"`);
    if (link.startsWith('/')) done = [];
    todo = [...link.split('/'), ...todo];
  }
  return `/${done.join('/')}`;
}

function linkAt(root: string, path: string): string | undefined {
  if (lstatInRoot(root, path)?.isSymbolicLink() !== true) return undefined;
  try {
    return readlinkInRoot(root, path);
  } catch (error) {
    // Someone took it away, or put something else there, since we looked.
    if (isMissing(error) || errnoOf(error) === 'EINVAL') return undefined;
    throw error;
  }
}

const MAX_READ = 16 * 1024 * 1024;

/** A regular file's bytes. Undefined when there is no such file. Another kind of file, or more than `maxBytes`, is `invalid`. */
export function readFileInRoot(root: string, path: string, maxBytes = MAX_READ): Buffer | undefined {
  // Non-blocking, so that a named pipe in the file's place can't hold us.
  return withOpen(root, path, O_RDONLY | O_NONBLOCK, (fd) => {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new GantryError('invalid', `${path} is not a regular file`);
    if (stat.size > maxBytes) throw new GantryError('invalid', `${path} has ${stat.size} bytes, more than ${maxBytes}`);
    const data = Buffer.alloc(Math.min(maxBytes, stat.size + 1));
    let size = 0;
    for (;;) {
      const count = readSync(fd, data, size, data.length - size, size);
      size += count;
      if (count === 0 || size === data.length) return data.subarray(0, size);
    }
  });
}

export interface NewFile {
  /** Permission bits, whatever the umask. */
  mode?: number;
  uid?: number;
  gid?: number;
}

/** Writes (or replaces the contents of) a regular file; its directory must exist. A link at the end is followed inside the root. */
export function writeFileInRoot(root: string, path: string, data: string | Uint8Array, file: NewFile = {}): void {
  const fd = openInRoot(root, path, O_WRONLY | O_CREAT | O_NONBLOCK, file.mode ?? 0o644);
  try {
    if (!fstatSync(fd).isFile()) throw new GantryError('invalid', `${path} is not a regular file`);
    ftruncateSync(fd, 0);
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
    if (file.uid !== undefined || file.gid !== undefined) fchownSync(fd, file.uid ?? 0, file.gid ?? 0);
    if (file.mode !== undefined) fchmodSync(fd, file.mode);
  } finally {
    closeSync(fd);
  }
}

/** Makes `path` and what is missing above it; what exists stays as it is. A file in the way is an error (`ENOTDIR`). */
export function mkdirAllInRoot(root: string, path: string, made: NewFile = {}): void {
  if (statInRoot(root, path)?.isDirectory()) return;
  const parts = resolveInRoot(root, path)
    .split('/')
    .filter((part) => part !== '');
  for (let depth = 1; depth <= parts.length; depth += 1) {
    const parent = openParentInRoot(root, parts.slice(0, depth).join('/'));
    try {
      makeDirectory(parent.entry, made);
    } finally {
      parent.close();
    }
  }
}

function makeDirectory(entry: string, made: NewFile): void {
  try {
    mkdirSync(entry, { mode: made.mode ?? 0o755 });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    const there = lstatSync(entry);
    if (!there.isDirectory() && !there.isSymbolicLink())
      throw Object.assign(new Error(`ENOTDIR: not a directory, mkdir '${entry}'`), { code: 'ENOTDIR' });
    return;
  }
  const fd = openSync(entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    fchmodSync(fd, made.mode ?? 0o755);
  } finally {
    closeSync(fd);
  }
  if (made.uid !== undefined || made.gid !== undefined) lchownSync(entry, made.uid ?? 0, made.gid ?? 0);
}
