import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  lutimesSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
  unlinkSync,
} from 'node:fs';
import { errnoOf, GantryError, invalid, paddingOf } from '../../../base/index.ts';
import { getXattr, listXattrs, removeXattr, setXattr } from '../../kernel/index.ts';
import type { CaptureJob, CaptureResult } from '../jobs.ts';
import { isPortableXattr } from './attributes.ts';
import { LayerCopy } from './layer-copy.ts';
import { encodeLayerHeader, type LayerEntry } from './layer-header.ts';
import { deviceOf } from './pack.ts';
import { RecipeWriter } from './recipe.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
const BUFFER = 512 * 1024;
const ZEROS = Buffer.alloc(1024);
const NO_DEVICE = { major: 0, minor: 0 };
const CAPABILITY = 'security.capability';
const OPAQUE = 'trusted.overlay.opaque';
const FLAGS = { file: '0', hardLink: '1', symbolicLink: '2', character: '3', block: '4', directory: '5', fifo: '6' } as const;

/**
 * Makes a layer of the upper tree of an overlay, in one pass: digests the tar that Docker's overlay2 driver would write of these files
 * (moby/go-archive, archive.go; overlay whiteouts), and writes the recipe by which it can be had again. The tree is either copied on the
 * way, or brought into agreement with the tar, for the caller to move.
 */
export function captureLayer(job: CaptureJob): CaptureResult {
  const recipe = new RecipeWriter(job.recipe);
  const root = openSync(job.root, O_RDONLY | O_DIRECTORY);
  const capture = new Capture(job, recipe);
  try {
    capture.children(root, '');
    return capture.finish();
  } finally {
    closeSync(root);
    recipe.close();
  }
}

class Capture {
  readonly #job: CaptureJob;
  readonly #recipe: RecipeWriter;
  readonly #copy: LayerCopy | undefined;
  readonly #cancelled: Int32Array;
  readonly #hash = createHash('sha256');
  readonly #buffer = Buffer.allocUnsafe(BUFFER);
  #used = 0;
  /** First name of each file with several. */
  readonly #links = new Map<string, string>();
  #entries = 0;
  #size = 0;
  #tarSize = 0;

  constructor(job: CaptureJob, recipe: RecipeWriter) {
    this.#job = job;
    this.#recipe = recipe;
    this.#copy = job.copy === undefined ? undefined : new LayerCopy(job.copy);
    this.#cancelled = new Int32Array(job.cancel);
  }

  /** Of the directory `fd`, in the order of the bytes of their names. */
  children(fd: number, path: string): void {
    const prefix = path === '' ? '' : `${path}/`;
    for (const name of sorted(readdirSync(`/proc/self/fd/${fd}`))) {
      if (name.includes('\ufffd')) throw invalid(`the file ${prefix}${name} has a name that is not UTF-8: rename or remove it`);
      this.#add(`/proc/self/fd/${fd}/${name}`, prefix + name);
    }
  }

  finish(): CaptureResult {
    this.#metadata(ZEROS);
    this.#flush();
    return { diffId: `sha256:${this.#hash.digest('hex')}`, entries: this.#entries, size: this.#size, tarSize: this.#tarSize };
  }

  #add(place: string, path: string): void {
    if (Atomics.load(this.#cancelled, 0) !== 0) throw new GantryError('internal', 'the capture of the layer was broken off');
    const stat = lstatSync(place, { throwIfNoEntry: false });
    // Gone since its directory was read.
    if (!stat) return;
    if (stat.isDirectory()) return this.#directory(place, path, stat);
    if (stat.isCharacterDevice() && stat.rdev === 0) return this.#whiteout(place, path, stat);
    const first = this.#firstName(stat, path);
    if (first !== undefined) return this.#hardLink(place, path, stat, first);
    if (stat.isFile()) return this.#file(place, path, stat);
    if (stat.isSymbolicLink()) return this.#symbolicLink(place, path, stat);
    if (stat.isSocket()) return this.#socket(place);
    const flag = stat.isCharacterDevice() ? FLAGS.character : stat.isBlockDevice() ? FLAGS.block : FLAGS.fifo;
    const names = listXattrs(place);
    const entry = this.#entry(place, path, stat, flag, names);
    if (flag !== FLAGS.fifo) entry.device = deviceOf(stat.rdev);
    this.#header(entry);
    this.#copy?.node(path, stat, entry.device);
    this.#settle(place, path, entry, names);
  }

  #directory(place: string, path: string, stat: Stats): void {
    let fd: number;
    try {
      fd = openSync(place, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    } catch (error) {
      if (isGone(error)) return;
      throw error;
    }
    try {
      const names = listXattrs(place);
      const entry = this.#entry(place, `${path}/`, stat, FLAGS.directory, names);
      const opaque = names.includes(OPAQUE) && getXattr(place, OPAQUE)?.toString() === 'y';
      this.#header(entry);
      if (opaque)
        this.#header({
          ...entry,
          flag: FLAGS.file,
          name: `${path}/.wh..wh..opq`,
          mode: stat.mode & 0o777,
          seconds: 0,
          capability: undefined,
        });
      this.#copy?.directory(path, opaque);
      this.children(fd, path);
      this.#settle(place, path, entry, names);
    } finally {
      closeSync(fd);
    }
  }

  #file(place: string, path: string, stat: Stats): void {
    let fd: number;
    try {
      // Not blocking: it may have become a pipe meanwhile.
      fd = stat.size === 0 && !this.#copy ? -1 : openSync(place, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    } catch (error) {
      if (isGone(error)) return;
      throw error;
    }
    try {
      // A running container may have written to it since: what is told and what is read must agree.
      const now = this.#copy ? fstatSync(fd) : stat;
      if (!now.isFile()) return;
      const names = listXattrs(place);
      const entry = this.#entry(place, path, now, FLAGS.file, names);
      entry.size = now.size;
      this.#size += now.size;
      this.#header(entry);
      const target = this.#copy?.file(path);
      try {
        if (now.size > 0) this.#content(fd, path, now.size, target);
      } finally {
        if (target !== undefined) closeSync(target);
      }
      this.#settle(place, path, entry, names);
    } finally {
      if (fd >= 0) closeSync(fd);
    }
  }

  #content(fd: number, path: string, size: number, target: number | undefined): void {
    this.#recipe.file(path, size);
    for (let left = size; left > 0; ) {
      if (this.#used === BUFFER) this.#flush();
      if (Atomics.load(this.#cancelled, 0) !== 0) throw new GantryError('internal', 'the capture of the layer was broken off');
      const wanted = Math.min(left, BUFFER - this.#used);
      let count = readSync(fd, this.#buffer, this.#used, wanted, null);
      if (count === 0) {
        if (target === undefined) throw new GantryError('internal', `the file ${path} changed while it was captured`);
        // It was cut short meanwhile.
        this.#buffer.fill(0, this.#used, this.#used + wanted);
        count = wanted;
      }
      if (target !== undefined) this.#copy?.write(target, this.#buffer.subarray(this.#used, this.#used + count));
      this.#used += count;
      this.#tarSize += count;
      left -= count;
    }
    const padding = paddingOf(size);
    if (padding > 0) this.#metadata(ZEROS.subarray(0, padding));
  }

  #symbolicLink(place: string, path: string, stat: Stats): void {
    const link = readlinkSync(place);
    const entry = { ...this.#entry(place, path, stat, FLAGS.symbolicLink, []), link };
    this.#size += Buffer.byteLength(link);
    this.#header(entry);
    this.#copy?.symbolicLink(path, link);
    this.#settle(place, path, entry, []);
  }

  #hardLink(place: string, path: string, stat: Stats, first: string): void {
    const flag = FLAGS.hardLink;
    this.#header({ ...this.#entry(place, path, stat, flag, listXattrs(place)), link: first });
    this.#copy?.hardLink(path, first);
  }

  /** Overlayfs makes its whiteouts names of one file: Docker then names the first of them in a field that means nothing here. */
  #whiteout(place: string, path: string, stat: Stats): void {
    const slash = path.lastIndexOf('/') + 1;
    const name = `${path.slice(0, slash)}.wh.${path.slice(slash)}`;
    const link = this.#firstName(stat, path) ?? '';
    this.#header({ ...this.#entry(place, name, stat, FLAGS.file, []), mode: 0o600, link });
    this.#copy?.whiteout(path);
  }

  /** A tar has no sockets: they mean nothing without who listens. */
  #socket(place: string): void {
    if (!this.#copy) unlinkSync(place);
  }

  #firstName(stat: Stats, path: string): string | undefined {
    if (stat.nlink <= 1) return undefined;
    const key = `${stat.dev}:${stat.ino}`;
    const first = this.#links.get(key);
    if (first === undefined) this.#links.set(key, path);
    return first;
  }

  #entry(place: string, name: string, stat: Stats, flag: string, xattrs: readonly string[]): LayerEntry {
    return {
      flag,
      name,
      link: '',
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      size: 0,
      seconds: Math.min(secondsOf(place, stat), this.#job.latest ?? Number.MAX_SAFE_INTEGER),
      device: NO_DEVICE,
      capability: xattrs.includes(CAPABILITY) ? capabilityOf(place) : undefined,
    };
  }

  #header(entry: LayerEntry): void {
    this.#entries += 1;
    this.#metadata(encodeLayerHeader(entry));
  }

  #metadata(bytes: Buffer): void {
    this.#recipe.bytes(bytes);
    for (let at = 0; at < bytes.length; ) {
      if (this.#used === BUFFER) this.#flush();
      const count = bytes.copy(this.#buffer, this.#used, at);
      this.#used += count;
      at += count;
    }
    this.#tarSize += bytes.length;
  }

  #flush(): void {
    this.#hash.update(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }

  /** What is in the tree must be what comes out of the tar: the copy gets its attributes, the original loses what the tar does not tell. */
  #settle(place: string, path: string, entry: LayerEntry, xattrs: readonly string[]): void {
    if (this.#copy) return this.#copy.settle(path, entry);
    for (const name of xattrs) if (name !== CAPABILITY && isPortableXattr(name)) removeXattr(place, name);
    if (entry.capability) setXattr(place, CAPABILITY, entry.capability);
    lutimesSync(place, entry.seconds, entry.seconds);
  }
}

/** Whole seconds, rounded down. The number of milliseconds is not exact: close to a full second only nanoseconds tell. */
function secondsOf(place: string, stat: Stats): number {
  const seconds = Math.floor(stat.mtimeMs / 1000);
  const rest = stat.mtimeMs - seconds * 1000;
  if (rest > 0.01 && rest < 999.99) return seconds;
  const exact = lstatSync(place, { bigint: true, throwIfNoEntry: false })?.mtimeNs;
  if (exact === undefined) return seconds;
  return Number((exact - (((exact % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n)) / 1_000_000_000n);
}

/** Without the user that revision 3 names: it means nothing on another host (linux/capability.h). */
function capabilityOf(place: string): Uint8Array | undefined {
  const value = getXattr(place, CAPABILITY);
  if (value?.[3] !== 3) return value;
  value[3] = 2;
  return value.subarray(0, 20);
}

function sorted(names: string[]): string[] {
  const plain = names.every((name) => !/[\ud800-\udfff]/.test(name));
  return plain ? names.sort() : names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

const isGone = (error: unknown) => ['ENOENT', 'ELOOP', 'ENOTDIR'].includes(errnoOf(error) ?? '');
