import { chmodSync, closeSync, constants, fchmodSync, fchownSync, fstatSync, lchownSync, linkSync, lstatSync, mkdirSync, openSync, readdirSync, rmdirSync, type Stats, symlinkSync, unlinkSync, writeSync } from 'node:fs';
import { denied, errnoOf, GantryError, invalid } from '../../base/index.ts';
import { TarDecoder, type TarEntry, type TarSink } from '../../base/tar.ts';
import { mknod, O_PATH, setTimes, setXattr } from '../kernel.ts';
import { mkdirAllInRoot, openParentInRoot, type ParentInRoot } from '../rooted.ts';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;

export interface UnpackTreeOptions {
  /** Trusted directory that acts as `/`. */
  root: string;
  /** Existing directory inside the root that entries are relative to. */
  path: string;
  /** Refuse to replace a directory by something else, or something else by a directory. */
  noOverwriteDirNonDir?: boolean;
  /** Owner of everything, instead of the archive's own. */
  owner?: { uid: number; gid: number };
}

/**
 * Writes a tar into a directory that others may change meanwhile. Every name is resolved by the kernel inside the root;
 * `..` is refused. What was written before an error stays: copying is not a transaction.
 */
export async function unpackTree(tar: AsyncIterable<Uint8Array>, options: UnpackTreeOptions): Promise<void> {
  const writer = new TreeWriter(options);
  const decoder = new TarDecoder(writer);
  try {
    for await (const chunk of tar) decoder.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    decoder.end();
    writer.finish();
  } finally {
    writer.close();
  }
}

class TreeWriter implements TarSink {
  #options: UnpackTreeOptions;
  #file: { fd: number; entry: TarEntry; parent: ParentInRoot } | undefined;
  /** Their times are set last: making what is inside would change them. */
  #directories: TarEntry[] = [];

  constructor(options: UnpackTreeOptions) {
    this.#options = options;
  }

  entry(entry: TarEntry): void {
    const path = this.#inside(entry.name);
    if (path === undefined) return;
    const parent = this.#parent(path);
    if (entry.type === 'file') {
      this.#clear(parent, entry);
      const fd = openSync(parent.entry, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      this.#file = { fd, entry, parent };
      return;
    }
    try {
      this.#make(parent, entry);
    } finally {
      parent.close();
    }
  }

  data(chunk: Buffer): void {
    if (!this.#file) return;
    try {
      for (let done = 0; done < chunk.length; ) done += writeSync(this.#file.fd, chunk, done);
    } catch (error) {
      throw new GantryError(errnoOf(error) === 'ENOSPC' ? 'unavailable' : 'internal', `cannot write ${this.#file.entry.name}`, { cause: error });
    }
  }

  entryEnd(): void {
    const file = this.#file;
    this.#file = undefined;
    if (!file) return;
    try {
      const { uid, gid } = this.#owner(file.entry);
      fchownSync(file.fd, uid, gid);
      fchmodSync(file.fd, file.entry.mode);
      this.#attributes(file.parent.entry, file.entry);
      setTimes(file.parent.entry, file.entry.modified, file.entry.modified);
    } finally {
      closeSync(file.fd);
      file.parent.close();
    }
  }

  finish(): void {
    for (const entry of this.#directories.reverse()) {
      const path = this.#inside(entry.name);
      if (path === undefined) continue;
      const parent = openParentInRoot(this.#options.root, path);
      try {
        setTimes(parent.entry, entry.modified, entry.modified);
      } finally {
        parent.close();
      }
    }
  }

  close(): void {
    if (!this.#file) return;
    closeSync(this.#file.fd);
    this.#file.parent.close();
    this.#file = undefined;
  }

  /** The entry's path inside the root; undefined for the target directory itself. */
  #inside(name: string): string | undefined {
    const parts = name.split('/').filter((part) => part !== '' && part !== '.');
    if (parts.includes('..')) throw invalid(`the archive names a path outside the target: ${name}`);
    if (parts.some((part) => part.includes('\0'))) throw invalid(`the archive has an invalid name: ${JSON.stringify(name)}`);
    return parts.length === 0 ? undefined : `${this.#options.path}/${parts.join('/')}`;
  }

  #parent(path: string): ParentInRoot {
    const { root } = this.#options;
    try {
      return openParentInRoot(root, path);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      mkdirAllInRoot(root, path.slice(0, path.lastIndexOf('/')), { mode: 0o755, ...this.#options.owner });
      return openParentInRoot(root, path);
    }
  }

  #make(parent: ParentInRoot, entry: TarEntry): void {
    const existing = this.#clear(parent, entry);
    if (entry.type === 'directory') {
      if (!existing) mkdirSync(parent.entry, 0o700);
      this.#directories.push(entry);
    } else if (entry.type === 'symlink') symlinkSync(entry.linkName, parent.entry);
    else if (entry.type === 'link') return this.#link(parent, entry);
    else mknod(parent.entry, kindBits[entry.type] | 0o600, { major: entry.deviceMajor, minor: entry.deviceMinor });
    const { uid, gid } = this.#owner(entry);
    lchownSync(parent.entry, uid, gid);
    if (entry.type !== 'symlink') changeMode(parent.entry, entry.mode);
    this.#attributes(parent.entry, entry);
    if (entry.type !== 'directory') setTimes(parent.entry, entry.modified, entry.modified);
  }

  #link(parent: ParentInRoot, entry: TarEntry): void {
    const path = this.#inside(entry.linkName);
    if (path === undefined) throw invalid(`the archive has a hard link without a target: ${entry.name}`);
    const target = openParentInRoot(this.#options.root, path);
    try {
      linkSync(target.entry, parent.entry);
    } finally {
      target.close();
    }
  }

  /** Takes away what is in the way; whether a directory is there that may stay. */
  #clear(parent: ParentInRoot, entry: TarEntry): boolean {
    let existing: Stats;
    try {
      existing = lstatSync(parent.entry);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false;
      throw error;
    }
    const wantsDirectory = entry.type === 'directory';
    if (existing.isDirectory() && wantsDirectory) return true;
    if (this.#options.noOverwriteDirNonDir && existing.isDirectory() !== wantsDirectory) {
      throw denied(`cannot overwrite ${existing.isDirectory() ? 'directory' : 'non-directory'} "${entry.name}" with ${wantsDirectory ? 'directory' : 'non-directory'}`);
    }
    if (existing.isDirectory()) removeDirectory(parent.entry);
    else unlinkSync(parent.entry);
    return false;
  }

  #owner(entry: TarEntry): { uid: number; gid: number } {
    return this.#options.owner ?? { uid: entry.uid, gid: entry.gid };
  }

  #attributes(where: string, entry: TarEntry): void {
    for (const [name, value] of entry.attributes) {
      // Overlayfs would read these as its own marks.
      if (name.startsWith('trusted.overlay.')) throw invalid(`the archive sets ${name} on ${entry.name}, which is not allowed`);
      setXattr(where, name, value);
    }
  }
}

/** chmod(2) would follow a link that was put in the entry's place meanwhile. */
function changeMode(where: string, mode: number): void {
  const fd = openSync(where, O_PATH | O_NOFOLLOW);
  try {
    if (!fstatSync(fd).isSymbolicLink()) chmodSync(`/proc/self/fd/${fd}`, mode);
  } finally {
    closeSync(fd);
  }
}

/** Removes a directory and what is in it, level by level on descriptors, so that a link swapped in is never followed. */
function removeDirectory(where: string): void {
  const fd = openSync(where, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    for (const name of readdirSync(`/proc/self/fd/${fd}`)) {
      const child = `/proc/self/fd/${fd}/${name}`;
      if (lstatSync(child).isDirectory()) removeDirectory(child);
      else unlinkSync(child);
    }
  } finally {
    closeSync(fd);
  }
  rmdirSync(where);
}

const kindBits = { character: 0o020000, block: 0o060000, fifo: 0o010000, file: 0o100000, link: 0o100000 } as const;
