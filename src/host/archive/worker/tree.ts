import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, rmdirSync, unlinkSync } from 'node:fs';
import { errnoOf, invalid } from '../../../base/index.ts';
import { O_PATH, openat2InRoot } from '../../kernel/index.ts';
import { mkdirAllInRoot } from '../../rooted.ts';

const KEPT_OPEN = 32;
const DIRECTORY = O_PATH | constants.O_DIRECTORY;
const GONE = new Set(['ENOENT', 'ENOTDIR', 'ELOOP']);

/** A directory held open: work on `/proc/self/fd/N/name` stays in it, whatever happens to the path that led here. */
export interface OpenDirectory {
  fd: number;
  /** Its path from the root of the tree after all links; '' is the root. */
  real: string;
}

/** The names of a path inside a tree. `..` may lead up, but not out. */
export function namesOf(path: string, what: string): string[] {
  const names: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') names.push(part);
    else if (names.pop() === undefined) throw invalid(`${what} leads out of the archive's root`);
  }
  return names;
}

/** Directories of a tree, opened race-free below the root and kept open for a while, as entries of one directory come together. */
export class Directories {
  readonly #rootFd: number;
  readonly #rootLength: number;
  readonly #base: string;
  readonly #open = new Map<string, OpenDirectory>();

  /** `base` is where the tree begins inside `root`, which links can't lead out of. */
  constructor(root: string, base: string) {
    this.#rootFd = openSync(root, DIRECTORY);
    this.#base = base;
    this.#rootLength = readlinkSync(`/proc/self/fd/${this.#rootFd}`).length;
  }

  /** Undefined when something else has taken its place, or a place above it. */
  find(names: readonly string[]): OpenDirectory | undefined {
    try {
      return this.#open.get(names.join('/')) ?? this.#keep(names.join('/'), this.#openBelow(names, DIRECTORY | constants.O_NOFOLLOW));
    } catch (error) {
      if (GONE.has(errnoOf(error) ?? '')) return undefined;
      throw error;
    }
  }

  /** Makes what is missing, owned by root, as other engines do for directories that an archive does not mention. */
  get(names: readonly string[]): OpenDirectory {
    const key = names.join('/');
    const known = this.#open.get(key);
    if (known) return known;
    let fd: number;
    try {
      fd = this.#openBelow(names, DIRECTORY);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      mkdirAllInRoot(`/proc/self/fd/${this.#rootFd}`, `${this.#base}/${key}`);
      fd = this.#openBelow(names, DIRECTORY);
    }
    return this.#keep(key, fd);
  }

  #openBelow(names: readonly string[], flags: number): number {
    return openat2InRoot(this.#rootFd, `${this.#base}/${names.join('/')}`, flags, 0);
  }

  #keep(key: string, fd: number): OpenDirectory {
    if (this.#open.size >= KEPT_OPEN) this.#closeOldest();
    const directory = { fd, real: readlinkSync(`/proc/self/fd/${fd}`).slice(this.#rootLength).replace(/^\/+/, '') };
    this.#open.set(key, directory);
    return directory;
  }

  /** After something was taken away, paths may mean something else. */
  forget(): void {
    for (const { fd } of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }

  close(): void {
    this.forget();
    closeSync(this.#rootFd);
  }

  #closeOldest(): void {
    const [key, directory] = this.#open.entries().next().value as [string, OpenDirectory];
    this.#open.delete(key);
    closeSync(directory.fd);
  }
}

/** Removes a file, or a directory and all in it, without following links. */
export function removeEntry(entry: string): void {
  if (!lstatSync(entry).isDirectory()) return unlinkSync(entry);
  const fd = openSync(entry, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    for (const name of readdirSync(`/proc/self/fd/${fd}`)) removeEntry(`/proc/self/fd/${fd}/${name}`);
  } finally {
    closeSync(fd);
  }
  rmdirSync(entry);
}

/** What overlayfs takes for "deleted": a character device 0/0. */
export function isWhiteout(entry: string): boolean {
  const stat = lstatSync(entry, { throwIfNoEntry: false });
  return stat?.isCharacterDevice() === true && stat.rdev === 0;
}

export function sameFile(fd: number, size: number): boolean {
  const stat = fstatSync(fd);
  return stat.isFile() && stat.size === size;
}
