import type { CopyWork } from '../plan/plan.ts';
import type { TreeIndex } from './tree-index.ts';

/**
 * Files that steps take from somewhere and put into a root: matching, content digests, copying. Sources and roots are
 * not trusted: paths and links are resolved inside their own root, always.
 */

/** A read-only tree on this host: a context, a stage's or an image's root filesystem. */
export interface SourceTree {
  /** For messages: `build context`, `stage "base"`, `image busybox`. */
  readonly label: string;
  /** The directory that holds it. May be made on the first call. */
  root(): Promise<string>;
  /**
   * Digest of a regular file's content when it is known without reading it (from the transfer), by path from the root without
   * a leading '/'.
   */
  knownDigest(path: string): string | undefined;
  /** What is in it, when that is known without the directory: then nobody asks for `root()` but bind mounts. */
  index?(): Promise<TreeIndex | undefined>;
}

/** What one COPY or ADD comes to. */
export interface CopyPlan {
  /**
   * Identity of everything that reaches the root: names, types, modes, owners, link targets, contents — not times. Goes into the step's
   * cache key.
   */
  digest: string;
  /** Copies into a root; missing parents of the destination are made. */
  apply(root: string, signal: AbortSignal): Promise<void>;
}

export interface FileSteps {
  /**
   * Matches the sources, fetches those that are URLs or git references, and computes the digest.
   * Errors: `notFound` `"/x": not found` (Docker: failed to calculate checksum), `invalid` for a checksum that differs.
   */
  planCopy(work: CopyWork, tree: SourceTree, options: CopyOptions, signal: AbortSignal): Promise<CopyPlan>;
  /** The content digest of a path in a tree, for bind mounts. */
  digestOf(tree: SourceTree, path: string, signal: AbortSignal): Promise<string>;
}

export interface CopyOptions {
  /** Seconds since the epoch: no file is newer in the root (SOURCE_DATE_EPOCH). */
  sourceDateEpoch: number | undefined;
  /** Directory for what is fetched, on the data root's file system; the caller removes it. */
  scratch: string;
}
