import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, type Stats } from 'node:fs';
import { encodeTarHeader, errnoOf, paddingOf, type TarEntryType, tarEnd } from '../../../base/index.ts';
import { O_PATH } from '../../kernel/index.ts';
import { openInRoot, openParentInRoot } from '../../rooted.ts';
import type { PackJob } from '../jobs.ts';
import type { Ring } from '../ring.ts';
import { readXattrs } from './attributes.ts';
import { copyOut } from './rebuild.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
const PADDING = Buffer.alloc(512);

/** Writes a file, or a directory and all in it, as a tar; entries of a directory in the order of their names. */
export function packTree(job: PackJob, ring: Ring): void {
  const packing = new Packing(ring);
  if (job.path.split('/').every((part) => part === '' || part === '.')) {
    const fd = openInRoot(job.root, '/', O_PATH | O_DIRECTORY);
    try {
      packing.add(`/proc/self/fd/${fd}/.`, job.name);
    } finally {
      closeSync(fd);
    }
  } else {
    const parent = openParentInRoot(job.root, job.path);
    try {
      packing.add(parent.entry, job.name);
    } finally {
      parent.close();
    }
  }
  ring.writeBlocking(tarEnd());
}

class Packing {
  readonly #ring: Ring;
  /** First name of each file with several. */
  readonly #links = new Map<string, string>();

  constructor(ring: Ring) {
    this.#ring = ring;
  }

  add(entry: string, name: string): void {
    const stat = lstatSync(entry, { throwIfNoEntry: false });
    // Gone since its directory was read.
    if (!stat) return;
    if (stat.isDirectory()) return this.#directory(entry, name, stat);
    const type = typeOf(stat);
    if (!type) return;
    const first = stat.nlink > 1 ? this.#links.get(`${stat.dev}:${stat.ino}`) : undefined;
    if (first !== undefined) return this.#header(entry, 'hardLink', name, stat, first);
    if (stat.nlink > 1) this.#links.set(`${stat.dev}:${stat.ino}`, name);
    if (type === 'file') this.#file(entry, name);
    else this.#header(entry, type, name, stat, type === 'symbolicLink' ? readlinkSync(entry) : '');
  }

  #directory(entry: string, name: string, stat: Stats): void {
    if (name !== '') this.#header(entry, 'directory', `${name}/`, stat, '');
    const fd = openSync(entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      const prefix = name === '' ? '' : `${name}/`;
      for (const child of readdirSync(`/proc/self/fd/${fd}`).sort()) this.add(`/proc/self/fd/${fd}/${child}`, prefix + child);
    } finally {
      closeSync(fd);
    }
  }

  #file(entry: string, name: string): void {
    let fd: number;
    try {
      // Not blocking: it may have become a pipe meanwhile.
      fd = openSync(entry, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ELOOP') return;
      throw error;
    }
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile()) return;
      this.#header(entry, 'file', name, stat, '');
      copyOut(fd, stat.size, this.#ring);
      const padding = paddingOf(stat.size);
      if (padding > 0) this.#ring.writeBlocking(PADDING.subarray(0, padding));
    } finally {
      closeSync(fd);
    }
  }

  #header(entry: string, type: TarEntryType, name: string, stat: Stats, link: string): void {
    const xattrs = type === 'file' || type === 'directory' ? readXattrs(entry) : new Map<string, Uint8Array>();
    const device = type === 'character' || type === 'block' ? deviceOf(stat.rdev) : { major: 0, minor: 0 };
    const modified = BigInt(Math.floor(stat.mtimeMs / 1000)) * 1_000_000_000n;
    this.#ring.writeBlocking(
      encodeTarHeader({
        type,
        name,
        link,
        mode: stat.mode & 0o7777,
        uid: stat.uid,
        gid: stat.gid,
        size: stat.size,
        modified,
        device,
        xattrs,
      }),
    );
  }
}

function typeOf(stat: Stats): TarEntryType | undefined {
  if (stat.isFile()) return 'file';
  if (stat.isSymbolicLink()) return 'symbolicLink';
  if (stat.isCharacterDevice()) return 'character';
  if (stat.isBlockDevice()) return 'block';
  if (stat.isFIFO()) return 'fifo';
  // A tar has no sockets: they mean nothing without who listens.
  return undefined;
}

/** The kernel's 64-bit device number (makedev(3)). */
export function deviceOf(rdev: number): { major: number; minor: number } {
  const number = BigInt(rdev);
  return {
    major: Number(((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xfffff000n)),
    minor: Number((number & 0xffn) | ((number >> 12n) & 0xfff00n)),
  };
}
