import { chmodSync, chownSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, KeyedQueue, sha256 } from '../../base/index.ts';
import { copyTree, diskUsage, removeTree } from '../../host/index.ts';
import type { Store } from '../../store/index.ts';

const KIND = 'build-cache-mount';

/** One directory that `RUN --mount=type=cache` keeps between builds: a row of the store and `<folder>/<name>/`. */
export interface CacheMountRecord {
  name: string;
  /** The mount's id, as written or its target. */
  id: string;
  createdAt: string;
  lastUsedAt: string;
  usageCount: number;
  /** Bytes on disk when it was last let go. */
  size: number;
}

export interface CacheMountRequest {
  id: string;
  sharing: 'shared' | 'private' | 'locked';
  mode: number;
  uid: number;
  gid: number;
  /** What a new directory begins with, and the identity of it: another source makes another directory. */
  seed?: { identity: string; root: string; path: string };
}

export interface HeldCacheMount {
  path: string;
  release(): Promise<void>;
}

interface Use {
  users: number;
  exclusive: boolean;
}

/** Directories that outlive the steps that mount them. */
export class CacheMounts {
  readonly #folder: string;
  readonly #options: { store: Store; clock: Clock };
  readonly #records = new Map<string, CacheMountRecord>();
  readonly #uses = new Map<string, Use>();
  readonly #queue = new KeyedQueue();
  #waiting: { name: string; wake: () => void }[] = [];

  constructor(dataRoot: string, options: { store: Store; clock: Clock }) {
    this.#folder = join(dataRoot, 'build', 'cache-mounts');
    this.#options = options;
  }

  /** Directories without a row were being made when a daemon was killed, or being removed. */
  async load(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true, mode: 0o711 });
    const { rows, damaged } = await this.#options.store.list<CacheMountRecord>(KIND);
    const there = new Set(readdirSync(this.#folder));
    for (const { id, value } of rows) {
      if (there.has(id)) this.#records.set(id, value);
      else await this.#options.store.delete(KIND, id);
    }
    for (const { id } of damaged) await this.#options.store.delete(KIND, id);
    for (const name of there) if (!this.#records.has(name)) await removeTree(this.#folder, join(this.#folder, name));
  }

  list(): CacheMountRecord[] {
    return [...this.#records.values()];
  }

  inUse(name: string): boolean {
    return this.#uses.has(name);
  }

  /** Bytes on disk: of one that is in use they are looked up, as they change. */
  async size(name: string): Promise<number> {
    return this.inUse(name) ? (await diskUsage(join(this.#folder, name))).bytes : (this.#records.get(name)?.size ?? 0);
  }

  /** Waits for a `locked` one that another step has; a `private` one that is in use gets another directory. */
  async acquire(request: CacheMountRequest, signal: AbortSignal): Promise<HeldCacheMount> {
    const base = sha256(JSON.stringify([request.id, request.seed?.identity ?? ''])).slice(0, 24);
    for (let number = 0; ; ) {
      signal.throwIfAborted();
      const name = `${base}-${number}`;
      if (this.#take(name, request.sharing)) {
        try {
          const path = await this.#queue.run(name, () => this.#directory(name, request));
          return { path, release: () => this.#release(name) };
        } catch (error) {
          await this.#release(name);
          throw error;
        }
      }
      if (request.sharing === 'private') number += 1;
      else await this.#freed(name, signal);
    }
  }

  async remove(name: string): Promise<void> {
    if (this.inUse(name)) return;
    this.#records.delete(name);
    await this.#options.store.delete(KIND, name);
    await removeTree(this.#folder, join(this.#folder, name));
  }

  #take(name: string, sharing: CacheMountRequest['sharing']): boolean {
    const use = this.#uses.get(name);
    if (use && (use.exclusive || sharing !== 'shared')) return false;
    this.#uses.set(name, { users: (use?.users ?? 0) + 1, exclusive: sharing !== 'shared' });
    return true;
  }

  async #directory(name: string, request: CacheMountRequest): Promise<string> {
    const { clock, store } = this.#options;
    const path = join(this.#folder, name);
    const now = clock.timestamp();
    const known = this.#records.get(name);
    if (!known) {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      if (request.seed) await copyTree(request.seed.root, request.seed.path, path);
      chownSync(path, request.uid, request.gid);
      chmodSync(path, request.mode);
    }
    const record: CacheMountRecord = known
      ? { ...known, lastUsedAt: now, usageCount: known.usageCount + 1 }
      : { name, id: request.id, createdAt: now, lastUsedAt: now, usageCount: 1, size: 0 };
    await store.update(KIND, name, record);
    this.#records.set(name, record);
    return path;
  }

  async #release(name: string): Promise<void> {
    const use = this.#uses.get(name);
    if (use && use.users > 1) {
      this.#uses.set(name, { ...use, users: use.users - 1 });
      return;
    }
    const record = this.#records.get(name);
    if (record) {
      const { bytes } = await diskUsage(join(this.#folder, name));
      this.#records.set(name, { ...record, size: bytes });
      await this.#options.store.update(KIND, name, { ...record, size: bytes });
    }
    this.#uses.delete(name);
    const woken = this.#waiting.filter((waiter) => waiter.name === name);
    this.#waiting = this.#waiting.filter((waiter) => waiter.name !== name);
    for (const { wake } of woken) wake();
  }

  #freed(name: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = () => {
        this.#waiting = this.#waiting.filter((waiter) => waiter.wake !== wake);
        reject(signal.reason);
      };
      const wake = () => {
        signal.removeEventListener('abort', stop);
        resolve();
      };
      signal.addEventListener('abort', stop, { once: true });
      this.#waiting.push({ name, wake });
    });
  }
}
