import { closeSync, constants, type Dirent, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path/posix';

/** A regular file of an image; it is read only when asked. */
export interface ImageFile {
  /** From the root, without a leading '/'. */
  path: string;
  /** At most `limit` bytes; fails when there are more. */
  read(limit: number): Buffer;
  /** Calls back with a descriptor to read pieces by. */
  open<T>(use: (fd: number, size: number) => T): T;
}

/** What never holds packages but may be large: kernel file systems have no content in an image. */
const SKIPPED = new Set(['proc', 'sys', 'dev']);

/**
 * Every regular file below a mounted image; links are never followed, so nothing outside can be met. Folders that can't be read, such
 * as those whose path is too long for the kernel, are told.
 */
export function* filesBelow(root: string, tell: (path: string, error: unknown) => void): Generator<ImageFile> {
  const pending = [''];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop())
    for (const entry of entriesOf(root, folder, tell)) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory() && !SKIPPED.has(path)) pending.push(path);
      else if (entry.isFile()) yield imageFile(root, path);
    }
}

function entriesOf(root: string, folder: string, tell: (path: string, error: unknown) => void): Dirent[] {
  try {
    return readdirSync(join(root, folder), { withFileTypes: true });
  } catch (error) {
    // Without its root there is nothing to tell of an image.
    if (folder === '') throw error;
    tell(folder, error);
    return [];
  }
}

function imageFile(root: string, path: string): ImageFile {
  const open = <T>(use: (fd: number, size: number) => T): T => {
    const fd = openSync(join(root, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      return use(fd, fstatSync(fd).size);
    } finally {
      closeSync(fd);
    }
  };
  return {
    path,
    open,
    read: (limit) =>
      open((fd, size) => {
        if (size > limit) throw new Error(`it has ${size} bytes, more than ${limit}`);
        return readPiece(fd, 0, size);
      }),
  };
}

/** Fewer bytes than asked for when the file ends before. */
export function readPiece(fd: number, offset: number, length: number): Buffer {
  const data = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const count = readSync(fd, data, done, length - done, offset + done);
    if (count === 0) break;
    done += count;
  }
  return data.subarray(0, done);
}
