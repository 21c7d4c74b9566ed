import { closeSync, constants, readdirSync } from 'node:fs';
import { openInRoot, resolveInRoot, scanTree, statInRoot, type TreeEntry } from '../../host/index.ts';
import type { SourceTree } from './files.ts';

export interface NamedEntry {
  name: string;
  directory: boolean;
}

/** What COPY asks of where files come from. Paths are relative to its root ('' is the root) and, but for `resolve`, free of links. */
export interface CopySource {
  /** After all links, the last one too; undefined when there is nothing. */
  resolve(path: string): Promise<string | undefined>;
  /** What is in a directory, sorted. */
  names(path: string): Promise<NamedEntry[]>;
  /** One file or directory, as '' and without what is in it. */
  entry(path: string): Promise<TreeEntry>;
  /** A file, or a directory and all in it, with digests. */
  list(path: string): Promise<TreeEntry[]>;
  /** Directory on the host that has the contents which are in no pack. */
  readonly root?: string;
}

export async function copySource(tree: SourceTree): Promise<CopySource> {
  return (await tree.index?.()) ?? new DirectorySource(await tree.root());
}

/** A root filesystem on the host. */
class DirectorySource implements CopySource {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  async resolve(path: string): Promise<string | undefined> {
    return statInRoot(this.root, path) === undefined ? undefined : resolveInRoot(this.root, path).slice(1);
  }

  async names(path: string): Promise<NamedEntry[]> {
    const fd = openInRoot(this.root, path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      return readdirSync(`/proc/self/fd/${fd}`, { withFileTypes: true })
        .map((found) => ({ name: found.name, directory: found.isDirectory() }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    } finally {
      closeSync(fd);
    }
  }

  async entry(path: string): Promise<TreeEntry> {
    const [first] = await scanTree(this.root, path, { digests: true, shallow: true });
    return first as TreeEntry;
  }

  list(path: string): Promise<TreeEntry[]> {
    return scanTree(this.root, path, { digests: true });
  }
}
