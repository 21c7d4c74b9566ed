import { closeSync, fstatSync, mkdirSync, readdirSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, GantryError } from '../../base/index.ts';
import { bindMount, O_PATH, openInRoot, unmount } from '../../host/index.ts';
import type { BindMount, ImageMount, MountSpec, TmpfsMount } from '../../model/index.ts';
import type { EngineParts } from '../parts.ts';

type SourceParts = Pick<EngineParts, 'execRoot' | 'ids' | 'images' | 'volumes'>;
export type MountWithSource = Exclude<MountSpec, TmpfsMount>;

const folderOf = (execRoot: string) => join(execRoot, 'mounts');

/**
 * Finds the files that mounts show, for one start or one copy, and keeps them in place for as long as it is open: a path that it gives
 * leads to exactly what was checked, whatever happens to links meanwhile. What a container got by then is its own.
 */
export class MountSources implements AsyncDisposable {
  readonly #parts: SourceParts;
  /** Holds the volumes; letting them go is the caller's. */
  readonly #user: string;
  readonly #undo = new AsyncDisposableStack();
  #folder: string | undefined;
  #count = 0;

  constructor(parts: SourceParts, user: string) {
    this.#parts = parts;
    this.#user = user;
  }

  async find(mount: MountWithSource): Promise<string> {
    if (mount.type === 'bind') return mount.recursive ? mount.source : this.#alone(mount);
    if (mount.type === 'image') return await this.#image(mount);
    const base = await this.#parts.volumes.hold(mount.source, this.#user);
    return mount.subpath ? this.#part(base, mount.subpath, `volume ${mount.source}`) : base;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#undo.disposeAsync();
  }

  /** The source without what is mounted below it: not every runtime heeds `bind` as other than `rbind`. */
  #alone(mount: BindMount): string {
    return this.#keep(openFound('/', mount.source, 'the host'), false);
  }

  async #image({ source, imageId, subpath }: ImageMount): Promise<string> {
    const { images, ids } = this.#parts;
    const { layers } = images.get(imageId);
    const id = ids.next();
    this.#undo.defer(() => images.layers.remove(id));
    const root = await images.assembly.mountLayers(id, layers);
    return subpath ? this.#part(root, subpath, `image ${source}`) : root;
  }

  #part(base: string, path: string, whose: string): string {
    return this.#keep(openFound(base, path, whose), true);
  }

  /** Binds an open file or directory to a place of our own, and closes it. */
  #keep(descriptor: number, recursive: boolean): string {
    try {
      const place = this.#place(fstatSync(descriptor).isDirectory());
      bindMount(`/proc/self/fd/${descriptor}`, place, { recursive });
      return place;
    } finally {
      closeSync(descriptor);
    }
  }

  #place(directory: boolean): string {
    const folder = this.#ownFolder();
    const place = join(folder, String(this.#count));
    this.#count += 1;
    if (directory) mkdirSync(place, { mode: 0o700 });
    else writeFileSync(place, '', { mode: 0o600 });
    this.#undo.defer(() => clearPlace(place, directory));
    return place;
  }

  /** Its name is its own: what an earlier start could not take away is never in the way. */
  #ownFolder(): string {
    if (this.#folder !== undefined) return this.#folder;
    const folder = join(folderOf(this.#parts.execRoot), this.#parts.ids.next().slice(0, 20));
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#undo.defer(() => rmdirSync(folder));
    this.#folder = folder;
    return folder;
  }
}

const UNREACHABLE: Record<string, string> = {
  ENOENT: 'no such file or directory',
  ENOTDIR: 'not a directory',
  ELOOP: 'too many levels of symbolic links',
  ENAMETOOLONG: 'file name too long',
};

/** Opened by its place alone (O_PATH), be it a directory or a file. Links inside `base` lead nowhere else. */
function openFound(base: string, path: string, whose: string): number {
  try {
    return openInRoot(base, path, O_PATH);
  } catch (error) {
    const why = UNREACHABLE[errnoOf(error) ?? ''];
    if (why === undefined) throw error;
    throw new GantryError('invalid', `cannot access path ${path.slice(0, 200)} of ${whose}: ${why}`, { cause: error });
  }
}

/** Never deletes what is in a directory: that may be a volume whose mount is still there. */
async function clearPlace(place: string, directory: boolean): Promise<void> {
  await unmount(place, { lazy: true });
  if (directory) rmdirSync(place);
  else unlinkSync(place);
}

/** Clears what a daemon left that was killed in the middle of a start. */
export async function clearMountSources(execRoot: string): Promise<void> {
  for (const user of list(folderOf(execRoot))) {
    const folder = join(folderOf(execRoot), user.name);
    for (const place of list(folder)) await clearPlace(join(folder, place.name), place.isDirectory());
    rmdirSync(folder);
  }
}

function list(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}
