import { closeSync, constants, readSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { invalid } from '../../base/index.ts';
import { openInRoot, placeFiles } from '../../host/index.ts';
import type { SourceTree } from '../files/files.ts';
import type { TreeIndex } from '../files/tree-index.ts';
import type { OpenContext } from './sources.ts';

/** A context of which names and contents are known; the directory is made only when somebody wants to mount it. */
export class IndexedContext implements OpenContext {
  readonly tree: SourceTree;
  readonly #all: TreeIndex;
  #visible: TreeIndex;
  readonly #folder: string;
  #root: Promise<string> | undefined;
  readonly #close: () => Promise<void>;
  readonly #ended = new AbortController();

  /** `folder` is for the directory, if one is needed, and goes with `close`. */
  constructor(index: TreeIndex, options: { label: string; folder: string; close: () => Promise<void> }) {
    this.#all = index;
    this.#visible = index;
    this.#folder = options.folder;
    this.#close = options.close;
    this.tree = {
      label: options.label,
      root: () => (this.#root ??= this.#materialize()),
      knownDigest: (path) => this.#visible.get(path)?.digest,
      index: async () => this.#visible,
    };
  }

  async readFile(path: string, limit: number): Promise<Uint8Array | undefined> {
    const real = this.#all.resolveNow(path);
    const entry = real === undefined ? undefined : this.#all.get(real);
    if (!entry) return undefined;
    if (entry.type !== 'file') throw invalid(`${path} in the build context is not a regular file`);
    if (entry.size > limit) throw invalid(`${path} in the build context has ${entry.size} bytes, more than ${limit}`);
    const data = Buffer.alloc(entry.size);
    if (entry.pack === undefined) {
      const fd = openInRoot(this.#all.root as string, real as string, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      try {
        readSync(fd, data);
      } finally {
        closeSync(fd);
      }
      return data;
    }
    await using handle = await open(entry.pack);
    await handle.read(data, 0, data.length, entry.offset ?? 0);
    return data;
  }

  async exclude(patterns: readonly string[]): Promise<void> {
    this.#visible = this.#all.without(patterns);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#root?.catch(() => {});
    await this.#close();
  }

  async #materialize(): Promise<string> {
    await mkdir(this.#folder, { recursive: true, mode: 0o755 });
    const entries = await this.#visible.list('');
    const { root } = this.#visible;
    const item = { destination: '/', name: '', entries, sourcePath: '', ...(root === undefined ? {} : { sourceRoot: root }) };
    await placeFiles({ root: this.#folder, items: [item], parentMode: 0o755, signal: this.#ended.signal });
    return this.#folder;
  }
}
