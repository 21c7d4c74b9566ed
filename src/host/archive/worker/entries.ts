import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  symlinkSync,
} from 'node:fs';
import { errnoOf, invalid, type TarHeader } from '../../../base/index.ts';
import { mknod, setTimes, setXattr } from '../../kernel/index.ts';
import type { UnpackJob } from '../jobs.ts';
import { applyAttributes } from './attributes.ts';
import { type RecipeWriter, writeAll } from './recipe.ts';
import { type Directories, isWhiteout, namesOf, removeEntry } from './tree.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
const TYPE_BITS = { character: 0o020000, block: 0o060000, fifo: 0o010000 } as const;
// Of the process; a thread can only read it.
const UMASK = process.umask();
const NO_DEVICE = { major: 0, minor: 0 };

/** Puts entries into a tree, in the place of what is there. */
export class TreeEntries {
  readonly #directories: Directories;
  readonly #job: UnpackJob;
  readonly #recipe: RecipeWriter | undefined;
  #displacedCount = 0;
  #openFd: number | undefined;

  constructor(directories: Directories, job: UnpackJob, recipe: RecipeWriter | undefined) {
    this.#directories = directories;
    this.#job = job;
    this.#recipe = recipe;
  }

  file(parents: readonly string[], name: string, header: TarHeader): { write(chunk: Uint8Array): void; close(): void } {
    // Where the mode needs no later change it saves one; else owner only until it is whole: it may be setuid, and not yet its owner's.
    const mode = (header.mode & (0o7000 | UMASK)) === 0 ? header.mode : 0o600;
    const fd = this.#create(parents, name, header, (entry) => openSync(entry, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, mode));
    this.#openFd = fd;
    const { fd: directory, real } = this.#directories.get(parents);
    if (header.size > 0) this.#recipe?.file(real === '' ? name : `${real}/${name}`, header.size);
    return {
      write: (chunk) => writeAll(fd, chunk),
      close: () => {
        if (header.xattrs.size > 0) applyAttributes(`/proc/self/fd/${directory}/${name}`, header);
        else {
          const there = fstatSync(fd);
          if (there.uid !== header.uid || there.gid !== header.gid) fchownSync(fd, header.uid, header.gid);
          if ((there.mode & 0o7777) !== header.mode) fchmodSync(fd, header.mode);
          setTimes(`/proc/self/fd/${directory}/${name}`, header.modified, header.modified);
        }
        this.abandon();
      },
    };
  }

  directory(parents: readonly string[], name: string, header: TarHeader): void {
    const entry = this.#entry(parents, name);
    try {
      mkdirSync(entry, 0o700);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      this.#keepOrReplaceDirectory(parents, name, header);
    }
    applyAttributes(this.#entry(parents, name), header);
  }

  /** Links, devices and pipes. */
  special(parents: readonly string[], name: string, header: TarHeader): void {
    if (header.type === 'hardLink') return this.#hardLink(parents, name, header);
    const { type } = header;
    this.#create(parents, name, header, (entry) => {
      if (type === 'symbolicLink') symlinkSync(header.link, entry);
      else mknod(entry, TYPE_BITS[type as keyof typeof TYPE_BITS] | 0o600, type === 'fifo' ? NO_DEVICE : header.device);
    });
    applyAttributes(this.#entry(parents, name), header);
  }

  /** Hides what lower layers have. What this layer itself has there stays: whiteouts speak of lower layers only. */
  whiteout(parents: readonly string[], name: string): void {
    if (name === '' || name === '.' || name === '..') throw invalid(`the archive has a whiteout for '${name}'`);
    const entry = this.#entry(parents, name);
    if (lstatSync(entry, { throwIfNoEntry: false }) === undefined) mknod(entry, TYPE_BITS.character, NO_DEVICE);
    else if (lstatSync(entry).isDirectory()) setXattr(entry, 'trusted.overlay.opaque', Buffer.from('y'));
  }

  /** Closes a file whose content did not come to its end. */
  abandon(): void {
    if (this.#openFd !== undefined) closeSync(this.#openFd);
    this.#openFd = undefined;
  }

  #entry(parents: readonly string[], name: string): string {
    return `/proc/self/fd/${this.#directories.get(parents).fd}/${name}`;
  }

  #create<T>(parents: readonly string[], name: string, header: TarHeader, make: (entry: string) => T): T {
    try {
      return make(this.#entry(parents, name));
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
    const there = lstatSync(this.#entry(parents, name));
    if (this.#job.noOverwriteDirNonDir && there.isDirectory())
      throw invalid(`cannot overwrite directory "${header.name}" with non-directory`);
    this.#displace(parents, name);
    return make(this.#entry(parents, name));
  }

  #keepOrReplaceDirectory(parents: readonly string[], name: string, header: TarHeader): void {
    const entry = this.#entry(parents, name);
    if (lstatSync(entry).isDirectory()) return;
    if (this.#job.noOverwriteDirNonDir) throw invalid(`cannot overwrite non-directory "${header.name}" with directory`);
    const hidden = this.#job.whiteouts && isWhiteout(entry);
    this.#displace(parents, name);
    mkdirSync(this.#entry(parents, name), 0o700);
    // A whiteout of the name came first: what lower layers have in that directory stays hidden.
    if (hidden) setXattr(this.#entry(parents, name), 'trusted.overlay.opaque', Buffer.from('y'));
  }

  #hardLink(parents: readonly string[], name: string, header: TarHeader): void {
    const target = namesOf(header.link, `the hard link '${header.name.slice(0, 200)}' to '${header.link.slice(0, 200)}'`);
    const targetName = target.pop();
    if (targetName === undefined) throw invalid(`the entry '${header.name.slice(0, 200)}' is a hard link to a directory`);
    const path = [...parents, name].join('/');
    if (path === [...target, targetName].join('/')) return;
    // Looked at first: what replaces its own target must not lose it.
    if (lstatSync(this.#entry(target, targetName), { throwIfNoEntry: false }) === undefined)
      throw invalid(`the entry '${header.name.slice(0, 200)}' is a hard link to '${header.link.slice(0, 200)}', which is not there`);
    try {
      this.#create(parents, name, header, (entry) => linkSync(this.#entry(target, targetName), entry));
    } catch (error) {
      if (errnoOf(error) === 'EPERM') throw invalid(`the entry '${header.name.slice(0, 200)}' is a hard link to a directory`);
      throw error;
    }
  }

  /** Takes away what is in the place; kept aside when the recipe needs its content. */
  #displace(parents: readonly string[], name: string): void {
    const { real } = this.#directories.get(parents);
    const entry = this.#entry(parents, name);
    if (!this.#recipe || this.#job.displaced === undefined) removeEntry(entry);
    else {
      mkdirSync(this.#job.displaced, { recursive: true, mode: 0o700 });
      this.#displacedCount += 1;
      renameSync(entry, `${this.#job.displaced}/${this.#displacedCount}`);
      this.#recipe.displaced(real === '' ? name : `${real}/${name}`, this.#displacedCount);
    }
    this.#directories.forget();
  }
}
