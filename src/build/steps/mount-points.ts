import { closeSync, futimesSync, lstatSync, mkdirSync, openSync, rmdirSync, type Stats, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path/posix';
import { errnoOf } from '../../base/index.ts';
import { lstatInRoot, O_PATH, openInRoot, openParentInRoot, resolveInRoot, statInRoot } from '../../host/index.ts';

export interface MountTarget {
  path: string;
  type: 'file' | 'directory';
}

/** What had to be made in the root so that something can be mounted there; in the order of making. */
interface MadeEntry {
  path: string;
  type: 'file' | 'directory';
}

/**
 * Places to mount on, made before a step runs and taken away after it, so that the step's layer tells of them only what
 * Docker's does: the directories dev, proc and sys of an image without them stay; directories in which something was made count
 * as touched, with the time that they had. What the step itself has put there stays too.
 */
export class MountPoints {
  readonly #root: string;
  readonly #made: MadeEntry[] = [];

  constructor(root: string) {
    this.#root = root;
  }

  /** Makes what is missing of these, parents first. */
  make(targets: readonly MountTarget[]): void {
    for (const { path, type } of targets) {
      const resolved = resolveInRoot(this.#root, path);
      const parts = resolved.split('/').filter((part) => part !== '');
      for (let depth = 1; depth <= parts.length; depth += 1)
        this.#makeOne(`/${parts.slice(0, depth).join('/')}`, depth < parts.length ? 'directory' : type);
    }
  }

  /** Directories that stay, as in Docker's layers; their time is the root's, so that the same step gives the same layer. */
  makeLasting(paths: readonly string[]): void {
    for (const path of paths) {
      if (lstatInRoot(this.#root, path)) continue;
      const time = statInRoot(this.#root, '/')?.mtime ?? new Date(0);
      this.#keepingTime('/', () => mkdirSync(`${this.#root}${path}`, { mode: 0o755 }));
      this.#setTime(path, time);
    }
  }

  /** Takes away what is still as it was made. */
  clear(): void {
    for (const { path, type } of this.#made.reverse()) {
      const found = lstatInRoot(this.#root, path);
      if (!found || !isUntouched(found, type)) continue;
      this.#keepingTime(dirname(path), () => removeEmpty(this.#root, path, type));
    }
  }

  #makeOne(path: string, type: 'file' | 'directory'): void {
    if (lstatInRoot(this.#root, path)) return;
    this.#keepingTime(dirname(path), () => {
      const parent = openParentInRoot(this.#root, path);
      try {
        if (type === 'directory') mkdirSync(parent.entry, { mode: 0o755 });
        else writeFileSync(parent.entry, '', { flag: 'wx', mode: 0o644 });
      } finally {
        parent.close();
      }
    });
    this.#made.push({ path, type });
  }

  #keepingTime(directory: string, work: () => void): void {
    const before = statInRoot(this.#root, directory);
    work();
    if (before) this.#setTime(directory, before.mtime, before.atime);
  }

  #setTime(directory: string, modified: Date, accessed: Date = modified): void {
    const descriptor = openInRoot(this.#root, directory, O_PATH);
    try {
      // A descriptor that may not be written to: through its name.
      const readable = openSync(`/proc/self/fd/${descriptor}`, 'r');
      try {
        futimesSync(readable, accessed, modified);
      } finally {
        closeSync(readable);
      }
    } finally {
      closeSync(descriptor);
    }
  }
}

function isUntouched(found: Stats, type: 'file' | 'directory'): boolean {
  return type === 'directory' ? found.isDirectory() : found.isFile() && found.size === 0;
}

function removeEmpty(root: string, path: string, type: 'file' | 'directory'): void {
  const parent = openParentInRoot(root, path);
  try {
    if (type === 'file') unlinkSync(parent.entry);
    else if (lstatSync(parent.entry).isDirectory()) rmdirSync(parent.entry);
  } catch (error) {
    // The step has put something in: it stays.
    if (errnoOf(error) !== 'ENOTEMPTY' && errnoOf(error) !== 'ENOENT') throw error;
  } finally {
    parent.close();
  }
}
