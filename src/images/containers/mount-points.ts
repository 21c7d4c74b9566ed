import { createHash } from 'node:crypto';
import { chmodSync, existsSync, lchownSync, mkdirSync, renameSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path/posix';
import type { Ids } from '../../base/index.ts';
import { LowerDirectory } from './lower.ts';

type Place = 'directory' | 'file' | { link: string };

/** Where the runtime mounts, and what marks a container: present in each root, so that a container's diff does not tell of them. */
const PLACES: readonly [string, Place][] = [
  ['.dockerenv', 'file'],
  ['dev', 'directory'],
  ['dev/console', 'file'],
  ['dev/pts', 'directory'],
  ['dev/shm', 'directory'],
  ['etc', 'directory'],
  ['etc/hostname', 'file'],
  ['etc/hosts', 'file'],
  ['etc/mtab', { link: '/proc/mounts' }],
  ['etc/resolv.conf', 'file'],
  ['proc', 'directory'],
  ['sys', 'directory'],
];

const NAME_PREFIX = 'init-';

/** Makes the layer that adds what an image lacks of `PLACES`; images that lack the same share it. Undefined when it lacks nothing. */
export class MountPoints {
  readonly #folder: string;
  readonly #unfinished: string;
  readonly #ids: Ids;
  readonly #byImage = new Map<string, string | undefined>();

  constructor(options: { layersFolder: string; unfinished: string; ids: Ids }) {
    this.#folder = options.layersFolder;
    this.#unfinished = options.unfinished;
    this.#ids = options.ids;
  }

  /** Name of the layer's directory for an image with these trees, topmost first. */
  layerFor(imageId: string, lower: readonly string[]): string | undefined {
    if (!this.#byImage.has(imageId)) this.#byImage.set(imageId, this.#make(lower));
    return this.#byImage.get(imageId);
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  #make(lower: readonly string[]): string | undefined {
    const missing = PLACES.filter(([path]) => !isThere(lower, path));
    if (missing.length === 0) return undefined;
    // Directories that the image has, but that must be in this layer too, keep the image's attributes.
    const parents = [
      ...new Set(
        missing
          .map(([path]) => path.split('/'))
          .filter((parts) => parts.length > 1)
          .map(([first = '']) => first),
      ),
    ];
    const kept = parents.flatMap((name) => {
      const stat = new LowerDirectory(lower).enter(name).stat();
      return stat ? [{ name, uid: stat.uid, gid: stat.gid, mode: stat.mode & 0o7777, modified: stat.mtimeMs / 1000 }] : [];
    });
    const key = createHash('sha256')
      .update(JSON.stringify([missing, kept]))
      .digest('hex')
      .slice(0, 20);
    const name = NAME_PREFIX + key;
    if (!existsSync(this.path(name))) this.#build(name, missing, kept);
    return name;
  }

  #build(
    name: string,
    missing: readonly [string, Place][],
    kept: readonly { name: string; uid: number; gid: number; mode: number; modified: number }[],
  ): void {
    const work = join(this.#unfinished, `init-${this.#ids.next().slice(0, 20)}`);
    mkdirSync(work, { mode: 0o755 });
    for (const { name: directory } of kept) mkdirSync(join(work, directory));
    for (const [path, place] of missing) {
      const target = join(work, path);
      if (place === 'directory') mkdirSync(target, { mode: 0o755 });
      else if (place === 'file') writeFileSync(target, '', { mode: 0o755 });
      else symlinkSync(place.link, target);
    }
    for (const { name: directory, uid, gid, mode, modified } of kept) {
      const target = join(work, directory);
      lchownSync(target, uid, gid);
      chmodSync(target, mode);
      utimesSync(target, modified, modified);
    }
    renameSync(work, this.path(name));
  }
}

/** What is a link, or lies below one, is the image's own affair: there too nothing is added. */
function isThere(lower: readonly string[], path: string): boolean {
  const parts = path.split('/');
  const name = parts.pop() as string;
  let directory = new LowerDirectory(lower);
  for (const part of parts) {
    const kind = directory.find(part);
    if (kind === 'other') return true;
    if (kind === undefined) return false;
    directory = directory.enter(part);
  }
  return directory.find(name) !== undefined;
}

/** Whether a directory among the layers is one of these. */
export const isMountPointLayer = (name: string): boolean => name.startsWith(NAME_PREFIX);
