import { type BigIntStats, closeSync, constants, fstatSync, openSync, readdirSync, readlinkSync, read as readCallback } from 'node:fs';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { encodeTarHeader, TAR_END, type TarEntry, tarPadding, type TarType } from '../../base/tar.ts';
import { errnoOf, GantryError } from '../../base/index.ts';
import { getXattr, listXattrs, O_PATH } from '../kernel.ts';
import { openInRoot, openParentInRoot } from '../rooted.ts';

const read = promisify(readCallback);
const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
const PIECE = 1 << 18;

/** Attributes that belong to the host's file system, not to the file. */
const PRIVATE_ATTRIBUTES = /^(trusted\.overlay\.|system\.|security\.selinux$|security\.ima$|security\.evm$)/;

export interface PackOptions {
  /** Trusted directory that acts as `/`. */
  root: string;
  /** What to pack, resolved inside the root; a link at the end is packed as a link. */
  path: string;
  /** Name of the top entry in the archive; '' packs the contents of a directory without an entry for itself. */
  name: string;
}

/**
 * A tar of one file or directory tree. Every step down is made on a descriptor and never follows a link, so that a tree
 * that changes meanwhile cannot lead out of the root. Sockets are left out: tar has no word for them.
 */
export function packTree(options: PackOptions): Readable {
  return Readable.from(pack(options), { objectMode: false, highWaterMark: 2 * PIECE });
}

async function* pack({ root, path, name }: PackOptions): AsyncGenerator<Buffer> {
  const top = openInRoot(root, path, O_PATH | O_NOFOLLOW);
  const parent = /^[/.]*$/.test(path) ? undefined : openParentInRoot(root, path);
  try {
    yield* packEntry(parent?.entry ?? `${root}/.`, top, name, new Map());
    yield TAR_END;
  } finally {
    parent?.close();
    closeSync(top);
  }
}

/**
 * `fd` is an O_PATH descriptor of the entry itself, `where` its name for calls that do not follow a link at the end;
 * `links` maps what has several names to its first one.
 */
async function* packEntry(where: string, fd: number, name: string, links: Map<string, string>): AsyncGenerator<Buffer> {
  const stats = fstatSync(fd, { bigint: true });
  const type = typeOf(stats);
  if (!type) return;
  const key = `${stats.dev}:${stats.ino}`;
  const first = type !== 'directory' && stats.nlink > 1n ? links.get(key) : undefined;
  if (first !== undefined) {
    yield encodeTarHeader({ ...header(stats, name, 'link', where), linkName: first, size: 0, attributes: new Map() });
    return;
  }
  if (type !== 'directory' && stats.nlink > 1n) links.set(key, name);
  const entry = header(stats, name, type, where);
  if (name !== '') yield encodeTarHeader(entry);
  if (type === 'file') yield* contents(fd, entry.size, name);
  if (type !== 'directory') return;
  const directory = openSync(`/proc/self/fd/${fd}`, O_RDONLY | O_DIRECTORY);
  try {
    for (const child of readdirSync(`/proc/self/fd/${directory}`).sort()) {
      yield* packChild(directory, child, name === '' ? child : `${name.replace(/\/$/, '')}/${child}`, links);
    }
  } finally {
    closeSync(directory);
  }
}

async function* packChild(directory: number, child: string, name: string, links: Map<string, string>): AsyncGenerator<Buffer> {
  const where = `/proc/self/fd/${directory}/${child}`;
  let fd: number;
  try {
    fd = openSync(where, O_PATH | O_NOFOLLOW);
  } catch (error) {
    // Removed between the listing and the look: it is not part of the tree any more.
    if (errnoOf(error) === 'ENOENT') return;
    throw error;
  }
  try {
    yield* packEntry(where, fd, name, links);
  } finally {
    closeSync(fd);
  }
}

/** Exactly `size` bytes, as the header has promised: a file that shrank is filled up with zeros, one that grew is cut. */
async function* contents(fd: number, size: number, name: string): AsyncGenerator<Buffer> {
  const file = openSync(`/proc/self/fd/${fd}`, O_RDONLY | O_NONBLOCK);
  try {
    for (let position = 0; position < size; ) {
      const piece = Buffer.allocUnsafe(Math.min(PIECE, size - position));
      const { bytesRead } = await read(file, piece, 0, piece.length, position);
      if (bytesRead === 0) {
        yield Buffer.alloc(Math.min(PIECE, size - position));
        position += Math.min(PIECE, size - position);
      } else {
        yield piece.subarray(0, bytesRead);
        position += bytesRead;
      }
    }
  } catch (error) {
    throw new GantryError('internal', `cannot read ${name}`, { cause: error });
  } finally {
    closeSync(file);
  }
  if (size % 512 !== 0) yield tarPadding(size);
}

function typeOf(stats: BigIntStats): TarType | undefined {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isCharacterDevice()) return 'character';
  if (stats.isBlockDevice()) return 'block';
  if (stats.isFIFO()) return 'fifo';
  return undefined;
}

function header(stats: BigIntStats, name: string, type: TarType, where: string): TarEntry {
  const device = type === 'character' || type === 'block' ? stats.rdev : 0n;
  return {
    name,
    type,
    mode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: type === 'file' ? Number(stats.size) : 0,
    modified: stats.mtimeNs,
    linkName: type === 'symlink' ? readlinkSync(where) : '',
    // Linux device numbers: 12 bits of major, 20 of minor, interleaved (makedev(3)).
    deviceMajor: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)),
    deviceMinor: Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n)),
    attributes: type === 'file' || type === 'directory' ? attributesOf(where) : new Map(),
  };
}

function attributesOf(where: string): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (const name of listXattrs(where)) {
    if (PRIVATE_ATTRIBUTES.test(name)) continue;
    const value = getXattr(where, name);
    if (value) found.set(name, value);
  }
  return found;
}
