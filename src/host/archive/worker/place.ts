import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  readSync,
  type Stats,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { errnoOf, GantryError, invalid } from '../../../base/index.ts';
import { mknod, O_PATH, openat2InRoot, setTimes } from '../../kernel/index.ts';
import { lstatInRoot, openInRoot, openParentInRoot, resolveInRoot, statInRoot } from '../../rooted.ts';
import type { PlaceItem, PlaceJob, TreeEntry } from '../jobs.ts';
import { applyXattrs } from './attributes.ts';
import { writeAll } from './recipe.ts';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const DIRECTORY = O_PATH | O_DIRECTORY;
const FORMATS = { character: 0o020000, block: 0o060000, fifo: 0o010000, socket: 0o140000 } as const;
const NO_DEVICE = { major: 0, minor: 0 };

/** Puts files into a root as COPY does: one item after the other, since what one makes decides where the next one goes. */
export function placeItems(job: PlaceJob): void {
  const placing = new Placing(job);
  try {
    for (const item of job.items) placing.place(item);
  } finally {
    placing.close();
  }
}

interface OpenParent {
  path: string;
  fd: number;
}

class Placing {
  readonly #job: PlaceJob;
  readonly #packs = new Map<string, number>();
  readonly #sources = new Map<string, number>();
  readonly #buffer = Buffer.allocUnsafe(256 * 1024);
  readonly #cancel: Int32Array;

  constructor(job: PlaceJob) {
    this.#job = job;
    this.#cancel = new Int32Array(job.cancel);
  }

  close(): void {
    for (const fd of [...this.#packs.values(), ...this.#sources.values()]) closeSync(fd);
  }

  place(item: PlaceItem): void {
    const { root } = this.#job;
    const top = item.entries[0];
    if (top === undefined) return;
    const wanted = item.destination;
    this.#makeParents(wanted.endsWith('/') ? wanted : wanted.slice(0, wanted.lastIndexOf('/') + 1));
    let target = resolveInRoot(root, wanted);
    const there = statInRoot(root, target);
    if (top.type !== 'directory' && there?.isDirectory()) target = `${target === '/' ? '' : target}/${item.name}`;
    this.#makeParents(top.type === 'directory' && there === undefined ? target.slice(0, target.lastIndexOf('/') + 1) : posixParent(target));
    if (top.type === 'directory') this.#tree(item, target);
    else this.#single(item, top, target);
  }

  #single(item: PlaceItem, entry: TreeEntry, target: string): void {
    const parent = openParentInRoot(this.#job.root, target);
    try {
      this.#leaf(item, entry, parent.entry, target, new Map());
    } finally {
      parent.close();
    }
  }

  #tree(item: PlaceItem, target: string): void {
    const [top, ...below] = item.entries as [TreeEntry, ...TreeEntry[]];
    const made = this.#makeTop(top, target);
    const fd = openInRoot(this.#job.root, target, DIRECTORY);
    // Directories on the way to the entry at hand, and those whose times are to be set when nothing more comes into them.
    const open: OpenParent[] = [{ path: '', fd }];
    const times: { path: string; modified: bigint }[] = made ? [{ path: '', modified: top.modified }] : [];
    const links = new Map<string, string>();
    try {
      for (const entry of below) {
        if (Atomics.load(this.#cancel, 0) !== 0) throw new GantryError('unavailable', 'the copy was broken off');
        const slash = entry.path.lastIndexOf('/');
        const parent = this.#enter(open, slash < 0 ? '' : entry.path.slice(0, slash));
        const place = `/proc/self/fd/${parent}/${entry.path.slice(slash + 1)}`;
        const shown = `${target === '/' ? '' : target}/${entry.path}`;
        if (entry.type !== 'directory') this.#leaf(item, entry, place, shown, links);
        else if (this.#directory(entry, place, shown)) times.push({ path: entry.path, modified: entry.modified });
      }
    } finally {
      for (const { fd: other } of open.slice(1)) closeSync(other);
    }
    try {
      for (const { path, modified } of times.reverse()) {
        const directory = path === '' ? fd : openat2InRoot(fd, path, DIRECTORY | O_NOFOLLOW, 0);
        setTimes(`/proc/self/fd/${directory}/.`, modified, modified);
        if (directory !== fd) closeSync(directory);
      }
    } finally {
      closeSync(fd);
    }
  }

  /** True when the directory takes over what its source is: it is new. */
  #makeTop(top: TreeEntry, target: string): boolean {
    const there = statInRoot(this.#job.root, target);
    if (there?.isDirectory()) return false;
    if (there || lstatInRoot(this.#job.root, target)) throw invalid(`cannot copy to non-directory: ${target}`);
    const parent = openParentInRoot(this.#job.root, target);
    try {
      mkdirSync(parent.entry, 0o700);
      attributes(parent.entry, top, this.#owner(top));
    } finally {
      parent.close();
    }
    return true;
  }

  /** The descriptor of a directory below the top; entries come parents first, so that all on its way are there. */
  #enter(open: OpenParent[], path: string): number {
    for (;;) {
      const last = open[open.length - 1] as OpenParent;
      if (last.path === path) return last.fd;
      if (last.path !== '' && !path.startsWith(`${last.path}/`)) {
        closeSync(last.fd);
        open.pop();
        continue;
      }
      const rest = last.path === '' ? path : path.slice(last.path.length + 1);
      const name = rest.split('/', 1)[0] as string;
      open.push({
        path: last.path === '' ? name : `${last.path}/${name}`,
        fd: openSync(`/proc/self/fd/${last.fd}/${name}`, DIRECTORY | O_NOFOLLOW),
      });
    }
  }

  /** Whether the directory took over mode, owner and times. */
  #directory(entry: TreeEntry, place: string, shown: string): boolean {
    const there = lstatSync(place, { throwIfNoEntry: false });
    if (there && !there.isDirectory()) throw invalid(`cannot copy to non-directory: ${shown}`);
    if (there && entry.onlyIfMissing === true) return false;
    if (!there) mkdirSync(place, 0o700);
    attributes(place, entry, this.#owner(entry));
    return true;
  }

  #leaf(item: PlaceItem, entry: TreeEntry, place: string, shown: string, links: Map<string, string>): void {
    clear(lstatSync(place, { throwIfNoEntry: false }), place, shown);
    const first = entry.inode === undefined ? undefined : links.get(entry.inode);
    if (first !== undefined) return linkSync(first, place);
    if (entry.type === 'file') this.#content(item, entry, place);
    else if (entry.type === 'symlink') symlinkSync(entry.link as string, place);
    else mknod(place, FORMATS[entry.type as keyof typeof FORMATS] | 0o600, entry.device ?? NO_DEVICE);
    attributes(place, entry, this.#owner(entry));
    setTimes(place, entry.modified, entry.modified);
    if (entry.inode !== undefined) links.set(entry.inode, realName(place));
  }

  #content(item: PlaceItem, entry: TreeEntry, place: string): void {
    if (entry.pack !== undefined) return this.#fromPack(entry, place);
    const path = [item.sourcePath, entry.path].filter((part) => part !== '').join('/');
    const source = openat2InRoot(this.#source(item.sourceRoot as string), path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    try {
      copyFileSync(`/proc/self/fd/${source}`, place, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    } finally {
      closeSync(source);
    }
  }

  #fromPack(entry: TreeEntry, place: string): void {
    const pack = entry.pack as string;
    let from = this.#packs.get(pack);
    if (from === undefined) this.#packs.set(pack, (from = openSync(pack, O_RDONLY)));
    const to = openSync(place, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600);
    try {
      for (let done = 0; done < entry.size; ) {
        const count = readSync(from, this.#buffer, 0, Math.min(this.#buffer.length, entry.size - done), (entry.offset ?? 0) + done);
        if (count === 0) throw new GantryError('internal', `${pack} is shorter than it was`);
        writeAll(to, this.#buffer.subarray(0, count));
        done += count;
      }
    } finally {
      closeSync(to);
    }
  }

  #source(root: string): number {
    let fd = this.#sources.get(root);
    if (fd === undefined) this.#sources.set(root, (fd = openSync(root, DIRECTORY)));
    return fd;
  }

  #owner(entry: TreeEntry): { uid: number; gid: number } {
    return this.#job.owner ?? entry;
  }

  /** Makes what is missing of a directory's path, links on the way followed inside the root. */
  #makeParents(path: string): void {
    const { root, parents } = this.#job;
    const there = statInRoot(root, path);
    if (there?.isDirectory()) return;
    if (there) throw invalid(`mkdir ${path.replace(/\/+$/, '')}: not a directory`);
    let done = '';
    for (const name of resolveInRoot(root, path).split('/')) {
      if (name === '') continue;
      done = `${done}/${name}`;
      this.#makeOne(done, parents);
    }
  }

  #makeOne(path: string, made: { mode: number }): void {
    const parent = openParentInRoot(this.#job.root, path);
    try {
      mkdirSync(parent.entry, 0o700);
      const { uid, gid } = this.#job.owner ?? { uid: 0, gid: 0 };
      lchownSync(parent.entry, uid, gid);
      chmodSync(parent.entry, made.mode);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      if (!lstatSync(parent.entry).isDirectory()) throw invalid(`mkdir ${path}: not a directory`);
    } finally {
      parent.close();
    }
  }
}

const posixParent = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1);

function clear(there: Stats | undefined, place: string, shown: string): void {
  if (!there) return;
  if (there.isDirectory()) throw invalid(`cannot replace to directory ${shown} with file`);
  unlinkSync(place);
}

/** Owner first, since changing it clears set-id bits and capabilities. */
function attributes(place: string, entry: TreeEntry, owner: { uid: number; gid: number }): void {
  lchownSync(place, owner.uid, owner.gid);
  if (entry.type !== 'symlink') chmodSync(place, entry.mode);
  if (entry.xattrs) applyXattrs(place, entry.xattrs);
}

/** The descriptor in `entry` may be closed before the name is needed again. */
function realName(entry: string): string {
  const slash = entry.lastIndexOf('/');
  return readlinkSync(entry.slice(0, slash)) + entry.slice(slash);
}
