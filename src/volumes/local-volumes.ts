import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { type Clock, conflict, formatNanoseconds, GantryError, type Ids, KeyedQueue, type Log, notFound } from '../base/index.ts';
import { diskUsage, isMountPoint, removeTree, restOfFolder, statInRoot, unmount } from '../host/index.ts';
import type { VolumeRecord } from '../model/index.ts';
import type { Store } from '../store/index.ts';
import { copyAttributes, copyDirectory, fillPart } from './copy-directory.ts';
import { VolumeDirectories } from './directories.ts';
import { parseDriverOptions } from './driver-options.ts';
import { mountVolume, removeTable } from './mounting.ts';
import { checkName } from './names.ts';
import type { Volumes } from './volumes.ts';

const KIND = 'volume';

export interface VolumesParts {
  dataRoot: string;
  store: Store;
  clock: Clock;
  ids: Ids;
  log: Log;
}

/** The path is not kept: the data root may move. */
type KeptVolume = Omit<VolumeRecord, 'mountpoint'>;

/** Reads what is kept, brings rows and directories together, and resolves when volumes can be used. */
export async function createVolumes(parts: VolumesParts): Promise<Volumes> {
  const volumes = new LocalVolumes(parts);
  await volumes.reconcile();
  return volumes;
}

class LocalVolumes implements Volumes {
  readonly #parts: VolumesParts;
  readonly #directories: VolumeDirectories;
  readonly #records = new Map<string, VolumeRecord>();
  readonly #queue = new KeyedQueue();
  /** Who holds which volume. */
  readonly #users = new Map<string, Set<string>>();

  constructor(parts: VolumesParts) {
    this.#parts = parts;
    this.#directories = new VolumeDirectories(parts.dataRoot);
  }

  create(request: Parameters<Volumes['create']>[0]): Promise<VolumeRecord> {
    const name = request.name || this.#parts.ids.next();
    return this.#queue.run(name, async () => {
      checkName(name);
      const driver = request.driver || 'local';
      if (driver !== 'local')
        throw notFound(`create ${name}: error looking up volume plugin ${driver}: plugin ${JSON.stringify(driver)} not found`);
      const existing = this.#records.get(name);
      if (existing) return existing;
      const options = request.options ?? {};
      try {
        parseDriverOptions(options);
      } catch (error) {
        throw error instanceof GantryError ? new GantryError(error.kind, `create ${name}: ${error.message}`) : error;
      }
      const kept: KeptVolume = {
        name,
        driver: 'local',
        createdAt: this.#parts.clock.timestamp(),
        labels: { ...request.labels },
        options: { ...options },
        anonymous: request.anonymous ?? !request.name,
      };
      await this.#parts.store.update(KIND, name, kept);
      // Left by a removal that was cut short after the name had been freed.
      await this.#discard(name);
      this.#directories.make(name);
      return this.#remember(kept);
    });
  }

  list(): VolumeRecord[] {
    return [...this.#records.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  get(name: string): VolumeRecord {
    const record = this.#records.get(name);
    if (!record) throw notFound(`get ${name}: no such volume`);
    return record;
  }

  remove(name: string, options: { force: boolean; usedBy: readonly string[] }): Promise<void> {
    return this.#queue.run(name, async () => {
      if (!this.#records.has(name)) {
        if (options.force) return;
        this.get(name);
      }
      if (options.usedBy.length > 0) throw conflict(`remove ${name}: volume is in use - [${options.usedBy.join(', ')}]`);
      this.#users.delete(name);
      await this.#unmount(name);
      await this.#discard(name);
      this.#directories.setAside(name);
      this.#records.delete(name);
      await this.#parts.store.delete(KIND, name);
      // The name is free now; the files go while nobody waits, and at the next start if that is cut short.
      void this.#queue
        .run(name, () => this.#discard(name))
        .catch((error) => this.#parts.log.warn('could not delete the files of a removed volume', { volume: name, error: String(error) }));
    });
  }

  hold(name: string, user: string): Promise<string> {
    return this.#queue.run(name, async () => {
      const { options } = this.get(name);
      const target = this.#directories.data(name);
      const wanted = parseDriverOptions(options);
      if (wanted && !isMountPoint(target)) await mountVolume(name, wanted, target, this.#directories.mountTable(name));
      this.#users.set(name, (this.#users.get(name) ?? new Set()).add(user));
      return target;
    });
  }

  release(name: string, user: string): Promise<void> {
    return this.#queue.run(name, async () => {
      const users = this.#users.get(name);
      users?.delete(user);
      if (users && users.size > 0) return;
      this.#users.delete(name);
      await this.#unmount(name);
    });
  }

  async unmountUnused(): Promise<void> {
    for (const { name, options } of this.list())
      if (Object.keys(options).length > 0 && !this.#users.has(name)) await this.#queue.run(name, () => this.#unmount(name));
  }

  fill(name: string, root: string, source: string, subpath?: string): Promise<void> {
    return this.#queue.run(name, async () => {
      this.get(name);
      // An image may name a volume where it has nothing.
      if (!statInRoot(root, source)?.isDirectory()) return;
      const data = this.#directories.data(name);
      if (subpath) await fillPart(data, subpath, root, source);
      // On a mounted device files cannot be moved in; then they are copied there directly.
      else if (isMountPoint(data)) await fillPart(data, '', root, source);
      else if (this.#directories.isEmpty(name)) await this.#fillWhole(name, root, source);
    });
  }

  async #fillWhole(name: string, root: string, source: string): Promise<void> {
    const filling = this.#directories.filling(name);
    await removeTree(this.#directories.root, filling);
    try {
      mkdirSync(filling, { mode: 0o700 });
      await copyDirectory(root, source, filling);
    } catch (error) {
      await removeTree(this.#directories.root, filling);
      throw error;
    }
    renameSync(filling, this.#directories.filled(name));
    await this.#moveIn(name);
  }

  async #moveIn(name: string): Promise<void> {
    const [root, filled] = [this.#directories.of(name), this.#directories.filled(name)];
    if (!existsSync(filled)) return;
    this.#directories.moveFilledIn(name);
    copyAttributes(root, '/.filled', this.#directories.data(name));
    await removeTree(this.#directories.root, filled);
  }

  async size(name: string): Promise<number> {
    const { options } = this.get(name);
    if (Object.keys(options).length > 0) return await restOfFolder(this.#directories.of(name), (entry) => entry === '_data');
    return (await diskUsage(this.#directories.of(name))).bytes;
  }

  idle(): Promise<void> {
    return this.#queue.idle();
  }

  rest(): Promise<number> {
    return restOfFolder(this.#directories.root, (name) => this.#records.has(name));
  }

  /** Rows say what should be, directories what is. Data is never deleted because its row is missing. */
  async reconcile(): Promise<void> {
    const { store, log } = this.#parts;
    const { rows, damaged } = await store.list<KeptVolume | null>(KIND);
    const present = this.#directories.list();
    for (const { id, value } of rows) {
      if (value?.name !== id || typeof value.labels !== 'object') {
        damaged.push({ id, reason: 'it has not the shape of a volume' });
        continue;
      }
      if (present.removing.includes(value.name) && !present.volumes.includes(value.name)) {
        await store.delete(KIND, value.name);
        continue;
      }
      if (!present.volumes.includes(value.name))
        log.warn('the directory of a volume was missing; made an empty one', { volume: value.name });
      this.#directories.make(value.name);
      this.#remember(value);
    }
    for (const { id, reason } of damaged)
      log.error('the row of a volume cannot be read; its labels and options are lost, its files are kept', { volume: id, reason });
    for (const name of present.volumes) if (!this.#records.has(name)) await this.#adopt(name, !damaged.some((row) => row.id === name));
    for (const name of this.#records.keys()) {
      await removeTree(this.#directories.root, this.#directories.filling(name));
      removeTable(this.#directories.mountTable(name));
      await this.#moveIn(name);
    }
    for (const name of present.removing)
      void this.#queue
        .run(name, () => this.#discard(name))
        .catch((error) => log.warn('could not delete the files of a removed volume', { volume: name, error: String(error) }));
  }

  /** A directory without a row becomes a volume again, as when the state was restored from an older backup. */
  async #adopt(name: string, keep: boolean): Promise<void> {
    const createdAt = formatNanoseconds(BigInt(Math.floor(this.#directories.madeAt(name))) * 1_000_000n);
    const kept: KeptVolume = { name, driver: 'local', createdAt, labels: {}, options: {}, anonymous: /^[0-9a-f]{64}$/.test(name) };
    this.#directories.make(name);
    if (keep) await this.#parts.store.update(KIND, name, kept);
    this.#remember(kept);
  }

  #remember(kept: KeptVolume): VolumeRecord {
    const record = { ...kept, mountpoint: this.#directories.data(kept.name) };
    this.#records.set(kept.name, record);
    return record;
  }

  /** Detached rather than waited for: a server that is gone must not hold up who lets go. Containers have mounts of their own. */
  #unmount(name: string): Promise<void> {
    return unmount(this.#directories.data(name), { lazy: true });
  }

  async #discard(name: string): Promise<void> {
    await removeTree(this.#directories.root, this.#directories.removing(name));
  }
}
