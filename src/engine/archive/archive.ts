import { basename } from 'node:path/posix';
import type { Readable } from 'node:stream';
import { denied, formatNanoseconds, invalid, notFound } from '../../base/index.ts';
import { lstatInRoot, packTree, resolveInRoot, statInRoot, unpackTree } from '../../host/index.ts';
import { type ContainerRecord, isAlive } from '../../model/index.ts';
import type { Archive, PathStat } from '../engine.ts';
import { MountSources } from '../mounts/sources.ts';
import { type EngineParts, publishContainerEvent } from '../parts.ts';
import { goFileMode } from './file-mode.ts';
import { cleanPath, locate, type Place } from './where.ts';

/** Files in and out of a container. A root that is not mounted is mounted for the length of the work. */
export class ContainerArchive implements Archive {
  #parts: EngineParts;

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  async stat(reference: string, path: string): Promise<PathStat> {
    const { record, place, release } = await this.#open(reference, path);
    try {
      return this.#stat(record, place, path);
    } finally {
      await release();
    }
  }

  async get(reference: string, path: string): Promise<{ stat: PathStat; tar: Readable }> {
    const { record, place, release } = await this.#open(reference, path);
    try {
      const stat = this.#stat(record, place, path);
      const { wantsDirectory } = cleanPath(path);
      const source = wantsDirectory ? resolveInRoot(place.root, place.path) : place.path;
      const tar = packTree({ root: place.root, path: source, name: stat.name });
      tar.once('close', () => void release());
      publishContainerEvent(this.#parts, record, 'archive-path');
      return { stat, tar };
    } catch (error) {
      await release();
      throw error;
    }
  }

  async put(
    reference: string,
    path: string,
    tar: Readable,
    options: { noOverwriteDirNonDir: boolean; copyOwner: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    const { record, place, release } = await this.#open(reference, path);
    try {
      const stats = statInRoot(place.root, place.path);
      if (!stats) throw missing(record, path);
      if (!stats.isDirectory())
        throw invalid('extraction point is not a directory', `${path} in container ${record.name} is something else.`);
      if (place.readOnly) throw denied(`${place.name} is marked read-only`, `${path} in container ${record.name} cannot be written.`);
      signal.addEventListener('abort', () => tar.destroy(), { once: true });
      await unpackTree(tar, {
        root: place.root,
        path: resolveInRoot(place.root, place.path),
        noOverwriteDirNonDir: options.noOverwriteDirNonDir,
      });
      publishContainerEvent(this.#parts, record, 'extract-to-dir');
    } finally {
      await release();
    }
  }

  async #open(reference: string, path: string): Promise<{ record: ContainerRecord; place: Place; release: () => Promise<void> }> {
    const record = this.#parts.table.get(reference);
    const clean = cleanPath(path).path;
    const holder = `archive-${this.#parts.ids.next()}`;
    await using undo = new AsyncDisposableStack();
    const root = await this.#parts.roots.hold(record.id, holder);
    undo.defer(() => this.#parts.roots.release(record.id, holder));
    // A path may lead through links into a volume: what it leads to decides where the files are.
    const real = isAlive(record.state) ? clean : resolveInRoot(root, clean, { followLast: false });
    const sources = undo.use(new MountSources(this.#parts, holder));
    const place = await locate(record, real, root, async (mount) => {
      if (mount.type === 'volume') undo.defer(() => this.#parts.volumes.release(mount.source, holder));
      return await sources.find(mount);
    });
    const kept = undo.move();
    return { record, place, release: () => kept.disposeAsync() };
  }

  #stat(record: ContainerRecord, place: Place, path: string): PathStat {
    const { wantsDirectory, path: clean } = cleanPath(path);
    const stats = wantsDirectory ? statInRoot(place.root, place.path) : lstatInRoot(place.root, place.path);
    if (!stats) throw missing(record, path);
    if (wantsDirectory && !stats.isDirectory()) throw invalid(`${path} in container ${record.name} is not a directory`);
    const link = stats.isSymbolicLink();
    return {
      // A path that ends in `/.` means the contents: clients rewrite the leading `.` of every entry.
      name: path.endsWith('/.') || path === '.' ? '.' : clean === '/' ? '/' : basename(clean),
      size: stats.size,
      mode: goFileMode(stats),
      modified: formatNanoseconds(BigInt(Math.round(stats.mtimeMs * 1000)) * 1000n),
      linkTarget: link ? resolveInRoot(place.root, place.path) : '',
    };
  }
}

function missing(record: ContainerRecord, path: string) {
  return notFound(`Could not find the file ${path} in container ${record.name}`);
}
