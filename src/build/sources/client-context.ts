import { invalid, Limiter } from '../../base/index.ts';
import type { TreeEntry } from '../../host/index.ts';
import type { ClientDirectory, ClientEntry } from '../builder.ts';
import { TreeIndex } from '../files/tree-index.ts';
import { type Packed, PackWriter } from './pack-writer.ts';

const MAX_ENTRIES = 1_000_000;
/** Files up to this size are gathered in memory and packed together. */
const SMALL = 256 * 1024;
const SMALL_AT_ONCE = 64;
const LARGE_AT_ONCE = 2;

export interface FetchOptions {
  directory: ClientDirectory;
  /** What is kept from the last time. */
  kept: TreeIndex | undefined;
  /** A name for a pack that is not there yet. */
  newPack: () => string;
  progress: (bytes: number) => void;
  now: bigint;
  signal: AbortSignal;
}

/** A client's directory: its list, and the contents of files that are not the same as last time. Nothing the client names is used as a path. */
export async function fetchDirectory(options: FetchOptions): Promise<{ index: TreeIndex; fetched: number }> {
  const { directory, kept, now } = options;
  const index = new TreeIndex(now);
  const wanted: { told: ClientEntry; entry: TreeEntry }[] = [];
  const hardLinks: { path: string; first: string; told: ClientEntry }[] = [];
  for await (const told of directory.entries()) {
    options.signal.throwIfAborted();
    if (index.size + wanted.length >= MAX_ENTRIES) throw invalid(`the build context has more than ${MAX_ENTRIES} entries`);
    const path = checkedPath(told.path);
    if (told.type === 'hardlink') {
      hardLinks.push({ path, first: checkedPath(told.linkName), told });
      continue;
    }
    const entry = described(told, path);
    const before = told.type === 'file' ? kept?.get(path) : undefined;
    if (before && isSame(before, entry)) Object.assign(entry, contentOf(before));
    else if (told.type === 'file') wanted.push({ told, entry });
    index.add(entry);
  }
  const fetching = new Fetching(options);
  try {
    await fetching.all(wanted);
  } finally {
    fetching.close();
  }
  for (const { path, first, told } of hardLinks) addHardLink(index, path, first, told);
  await directory.finish();
  return { index, fetched: wanted.length };
}

function addHardLink(index: TreeIndex, path: string, first: string, told: ClientEntry): void {
  const target = index.get(first);
  if (target?.type !== 'file') throw invalid(`the client tells of a hard link "${told.path}" to "${told.linkName}", which is not there`);
  const inode = target.inode ?? `link:${first}`;
  target.inode = inode;
  index.add({ ...target, path });
}

class Fetching {
  readonly #options: FetchOptions;
  #pack: PackWriter | undefined;
  #received = 0;

  constructor(options: FetchOptions) {
    this.#options = options;
  }

  async all(wanted: readonly { told: ClientEntry; entry: TreeEntry }[]): Promise<void> {
    const small = new Limiter(SMALL_AT_ONCE);
    const large = new Limiter(LARGE_AT_ONCE);
    const results = await Promise.allSettled(
      wanted.map(({ told, entry }) =>
        told.size <= SMALL ? small.run(() => this.#small(told, entry)) : large.run(() => this.#large(told, entry)),
      ),
    );
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    this.#pack?.sync();
  }

  close(): void {
    this.#pack?.close();
  }

  async #small(told: ClientEntry, entry: TreeEntry): Promise<void> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of this.#read(told)) {
      length += chunk.length;
      if (length > 4 * SMALL) throw invalid(`the client told ${told.size} bytes for "${told.path}" and sent more than ${length}`);
      chunks.push(chunk);
    }
    this.#pack ??= new PackWriter(this.#options.newPack());
    Object.assign(entry, this.#pack.add(chunks));
  }

  async #large(told: ClientEntry, entry: TreeEntry): Promise<void> {
    const pack = new PackWriter(this.#options.newPack());
    try {
      pack.begin();
      for await (const chunk of this.#read(told)) pack.write(chunk);
      Object.assign(entry, pack.end());
      pack.sync();
    } finally {
      pack.close();
    }
  }

  async *#read(told: ClientEntry): AsyncGenerator<Uint8Array> {
    for await (const chunk of this.#options.directory.read(told)) {
      this.#options.signal.throwIfAborted();
      this.#received += chunk.length;
      this.#options.progress(this.#received);
      yield chunk;
    }
  }
}

const isSame = (before: TreeEntry, now: TreeEntry & { told?: number }): boolean =>
  before.type === 'file' && before.size === now.size && before.mode === now.mode && before.modified === now.modified;

const contentOf = ({ pack, offset, size, digest }: TreeEntry): Packed => ({ pack, offset, size, digest }) as Packed;

function described(told: ClientEntry, path: string): TreeEntry {
  return {
    path,
    type: told.type as TreeEntry['type'],
    mode: told.mode & 0o7777,
    uid: 0,
    gid: 0,
    size: told.type === 'file' ? told.size : 0,
    modified: told.modified,
    ...(told.type === 'symlink' ? { link: told.linkName } : {}),
  };
}

function checkedPath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (path.startsWith('/') || path.includes('\0') || parts.includes('..') || parts.length === 0)
    throw invalid(`the client tells of a file "${path.slice(0, 200)}" outside its directory`);
  return parts.join('/');
}
