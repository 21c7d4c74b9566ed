import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { invalid } from '../../../base/index.ts';
import { O_PATH } from '../../kernel/index.ts';
import { openInRoot, openParentInRoot } from '../../rooted.ts';
import type { ScanJob, TreeEntry } from '../jobs.ts';
import { readXattrs } from './attributes.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
const MAX_ENTRIES = 4_000_000;

/** Lists a file, or a directory and all in it: parents first, names of a directory in order. Links are not followed. */
export function scanTree(job: ScanJob): TreeEntry[] {
  const scan = new Scan(job);
  if (job.path.split('/').every((part) => part === '' || part === '.')) {
    const fd = openInRoot(job.root, '/', O_PATH | O_DIRECTORY);
    try {
      scan.add(`/proc/self/fd/${fd}/.`, '');
    } finally {
      closeSync(fd);
    }
  } else {
    const parent = openParentInRoot(job.root, job.path);
    try {
      scan.add(parent.entry, '');
    } finally {
      parent.close();
    }
  }
  return scan.found;
}

class Scan {
  readonly found: TreeEntry[] = [];
  readonly #digests: boolean;
  readonly #shallow: boolean;
  readonly #byInode = new Map<string, string>();
  readonly #buffer = Buffer.allocUnsafe(256 * 1024);

  constructor(job: ScanJob) {
    this.#digests = job.digests;
    this.#shallow = job.shallow;
  }

  add(entry: string, path: string): void {
    if (this.found.length >= MAX_ENTRIES) throw invalid(`the source has more than ${MAX_ENTRIES} files`);
    const stat = lstatSync(entry, { bigint: true });
    const told = described(entry, path, stat);
    this.found.push(told);
    if (stat.isFile() && this.#digests) told.digest = this.#digest(entry, told);
    if (stat.isDirectory() && !this.#shallow) this.#children(entry, path);
  }

  #children(entry: string, path: string): void {
    const fd = openSync(entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      const names = readdirSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' });
      const bad = names.find((name) => !isUtf8(name));
      if (bad) throw invalid(`the name ${JSON.stringify(bad.toString('latin1'))} in "/${path}" is not UTF-8`);
      const texts = names.map((name) => name.toString()).sort();
      for (const name of texts) this.add(`/proc/self/fd/${fd}/${name}`, path === '' ? name : `${path}/${name}`);
    } finally {
      closeSync(fd);
    }
  }

  #digest(entry: string, told: TreeEntry): string {
    const known = told.inode === undefined ? undefined : this.#byInode.get(told.inode);
    if (known !== undefined) return known;
    const fd = openSync(entry, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      if (!fstatSync(fd).isFile()) throw invalid(`"/${told.path}" was replaced while it was read`);
      const hash = createHash('sha256');
      for (let count = readSync(fd, this.#buffer); count > 0; count = readSync(fd, this.#buffer))
        hash.update(this.#buffer.subarray(0, count));
      const digest = hash.digest('hex');
      if (told.inode !== undefined) this.#byInode.set(told.inode, digest);
      return digest;
    } finally {
      closeSync(fd);
    }
  }
}

function described(entry: string, path: string, stat: BigIntStats): TreeEntry {
  const type = typeOf(stat);
  const told: TreeEntry = {
    path,
    type,
    mode: Number(stat.mode) & 0o7777,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    size: type === 'file' ? Number(stat.size) : 0,
    modified: stat.mtimeNs,
  };
  if (type === 'symlink') told.link = readlinkSync(entry);
  else if (type === 'character' || type === 'block') told.device = deviceOf(stat.rdev);
  else if (type === 'file' || type === 'directory') {
    const xattrs = readXattrs(entry);
    if (xattrs.size > 0) told.xattrs = [...xattrs];
  }
  if (type === 'file' && stat.nlink > 1n) told.inode = `${stat.dev}:${stat.ino}`;
  return told;
}

function typeOf(stat: BigIntStats): TreeEntry['type'] {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isFIFO()) return 'fifo';
  if (stat.isCharacterDevice()) return 'character';
  if (stat.isBlockDevice()) return 'block';
  return 'socket';
}

/** The two numbers in a dev_t, as glibc's gnu_dev_major and gnu_dev_minor. */
function deviceOf(rdev: bigint): { major: number; minor: number } {
  return {
    major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn)),
    minor: Number((rdev & 0xffn) | ((rdev >> 12n) & ~0xffn & 0xffffffffn)),
  };
}
