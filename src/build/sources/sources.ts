import type { BuildClient, CacheEntry, ContextSource, DirectoryFilter } from '../builder.ts';
import type { SourceTree } from '../files/files.ts';

/** Makes trees of what clients, tars, git and web servers give. Images and other builds are the solver's. */
export interface Sources {
  /**
   * Opens a context. A client's directory is fetched only as far as `filter` says, and only files that changed since the last
   * time with that shared key; a tar is unpacked; git needs the `git` command. `progress` tells bytes received.
   */
  open(
    source: Extract<ContextSource, { kind: 'client' | 'tar' | 'remote' }>,
    options: { client: BuildClient; filter: DirectoryFilter; progress: (bytes: number) => void },
    signal: AbortSignal,
  ): Promise<OpenContext>;
  /** Kept contexts, for the builder's usage and prune. */
  usage(): Promise<CacheEntry[]>;
  remove(id: string): Promise<void>;
}

export interface OpenContext extends AsyncDisposable {
  tree: SourceTree;
  /** Small files such as the Dockerfile: undefined when there is none. A link is followed inside the context. */
  readFile(path: string, limit: number): Promise<Uint8Array | undefined>;
  /**
   * Hides what these `.dockerignore` lines exclude. For sources that came whole (tar, remote): a client's directory was
   * filtered on its way.
   */
  exclude(patterns: readonly string[]): Promise<void>;
}
