import { statfsSync } from 'node:fs';
import { denied, errnoOf, GantryError, invalid, TarDecoder, type TarHeader } from '../../../base/index.ts';
import { setTimes, setXattr } from '../../kernel/index.ts';
import type { UnpackJob, UnpackResult } from '../jobs.ts';
import type { Ring } from '../ring.ts';
import { applyAttributes } from './attributes.ts';
import { TreeEntries } from './entries.ts';
import { RecipeWriter } from './recipe.ts';
import { Directories, namesOf } from './tree.ts';

const MAX_ENTRIES = 4_000_000;
const WHITEOUT_PREFIX = '.wh.';
const OPAQUE = '.wh..wh..opq';

/** Unpacks the tar in the ring. What it did before it fails is the caller's to remove. */
export function unpackTree(job: UnpackJob, ring: Ring): UnpackResult {
  const recipe = job.recipe === undefined ? undefined : new RecipeWriter(job.recipe);
  const unpacking = new Unpacking(job, recipe);
  try {
    const decoder = new TarDecoder(unpacking);
    for (let view = ring.availableBlocking(); view; view = ring.availableBlocking()) {
      decoder.write(view);
      ring.consumed(view.length);
    }
    decoder.finish();
    return unpacking.finish();
  } finally {
    unpacking.close();
    recipe?.close();
  }
}

class Unpacking {
  readonly #job: UnpackJob;
  readonly #recipe: RecipeWriter | undefined;
  readonly #directories: Directories;
  readonly #entries: TreeEntries;
  /** Times of directories change with what is put into them: set at the end. */
  readonly #directoryTimes = new Map<string, bigint>();
  #header: TarHeader | undefined;
  #file: { write(chunk: Uint8Array): void; close(): void } | undefined;
  #count = 0;
  #size = 0;

  constructor(job: UnpackJob, recipe: RecipeWriter | undefined) {
    this.#job = job;
    this.#recipe = recipe;
    this.#directories = new Directories(job.root, job.path);
    this.#entries = new TreeEntries(this.#directories, job, recipe);
  }

  entry(told: TarHeader): void {
    const header = this.#job.owner ? { ...told, ...this.#job.owner } : told;
    this.#header = header;
    this.#count += 1;
    if (this.#count > MAX_ENTRIES) throw invalid(`the archive has more than ${MAX_ENTRIES} entries`);
    if (header.size > 0) this.#checkSpace(header);
    this.#size += header.type === 'symbolicLink' ? Buffer.byteLength(header.link) : header.size;
    try {
      this.#place(header);
    } catch (error) {
      throw explained(error, header.name);
    }
  }

  data(chunk: Uint8Array): void {
    if (!this.#file) return this.#recipe?.bytes(chunk);
    try {
      this.#file.write(chunk);
    } catch (error) {
      throw explained(error, this.#header?.name ?? '');
    }
  }

  end(): void {
    const file = this.#file;
    this.#file = undefined;
    try {
      file?.close();
    } catch (error) {
      throw explained(error, this.#header?.name ?? '');
    }
  }

  rest(bytes: Uint8Array): void {
    this.#recipe?.bytes(bytes);
  }

  finish(): UnpackResult {
    // Deepest last come first: setting a time does not change the time of the directory above.
    for (const [path, modified] of this.#directoryTimes) {
      const names = path === '' ? [] : path.split('/');
      // A later entry of the same name may have replaced it.
      const directory = this.#directories.find(names);
      if (directory) setTimes(`/proc/self/fd/${directory.fd}/.`, modified, modified);
    }
    return { entries: this.#count, size: this.#size };
  }

  close(): void {
    this.#entries.abandon();
    this.#directories.close();
  }

  #place(header: TarHeader): void {
    const names = namesOf(header.name, `the entry '${header.name.slice(0, 200)}'`);
    const name = names.pop();
    if (name === undefined) return this.#placeRoot(header);
    if (this.#job.whiteouts && name.startsWith(WHITEOUT_PREFIX)) return this.#whiteOut(names, name);
    switch (header.type) {
      case 'file':
        this.#file = this.#entries.file(names, name, header);
        return;
      case 'directory':
        this.#entries.directory(names, name, header);
        this.#directoryTimes.set([...names, name].join('/'), header.modified);
        return;
      default:
        this.#entries.special(names, name, header);
    }
  }

  #placeRoot(header: TarHeader): void {
    if (header.type !== 'directory')
      throw invalid(`the entry '${header.name.slice(0, 200)}' stands for the archive's root, but is not a directory`);
    if (!this.#job.rootEntry) return;
    applyAttributes(`/proc/self/fd/${this.#directories.get([]).fd}/.`, header);
    this.#directoryTimes.set('', header.modified);
  }

  #whiteOut(names: readonly string[], name: string): void {
    if (name === OPAQUE) return setXattr(`/proc/self/fd/${this.#directories.get(names).fd}/.`, 'trusted.overlay.opaque', Buffer.from('y'));
    // Other names of that form are notes of old union file systems.
    if (!name.startsWith('.wh..wh.')) this.#entries.whiteout(names, name.slice(WHITEOUT_PREFIX.length));
  }

  /** A header can claim anything: what does not fit is refused before it fills the disk. */
  #checkSpace(header: TarHeader): void {
    if (header.size < 64 * 1024 * 1024) return;
    const { blocks, bavail, bsize } = statfsSync(this.#job.root);
    if (header.size > blocks * bsize)
      throw invalid(`the entry '${header.name.slice(0, 200)}' claims ${header.size} bytes, more than the whole disk has`);
    if (header.size > bavail * bsize)
      throw new GantryError(
        'unavailable',
        `no space left on device: the entry '${header.name.slice(0, 200)}' has ${header.size} bytes, ${bavail * bsize} are free`,
      );
  }
}

/**
 * What the place or the name is to blame for: among them mount points that are to be replaced (EBUSY), what /proc refuses, and
 * what a running container puts in our way meanwhile (EEXIST, ENOTEMPTY).
 */
const UNFIT = new Set('ENOENT ENOTDIR ELOOP ENAMETOOLONG EXDEV EINVAL EISDIR EBUSY EPERM EACCES EEXIST ENOTEMPTY'.split(' '));

function explained(error: unknown, name: string): unknown {
  if (error instanceof GantryError) return error;
  const code = errnoOf(error);
  const what = `the entry '${name.slice(0, 200)}'`;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new GantryError('unavailable', `no space left on device (at ${what})`, { cause: error });
  if (UNFIT.has(code ?? '')) return invalid(`${what} can't be unpacked there (${code})`);
  if (code === 'EROFS') return denied(`${what} can't be unpacked: the file system there is read-only`);
  return new GantryError('internal', `${what} could not be unpacked: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
}
