import type { VolumeRecord } from '../model/index.ts';

/** Named directories that outlive containers: `<data-root>/volumes/<name>/_data`. */
export interface Volumes {
  /** Docker's rule: creating one that exists, with the same driver, resolves to it. Names match [a-zA-Z0-9][a-zA-Z0-9_.-]+. */
  create(request: {
    name?: string;
    driver?: string;
    labels?: Record<string, string>;
    options?: Record<string, string>;
    anonymous?: boolean;
  }): Promise<VolumeRecord>;
  list(): VolumeRecord[];
  /** Fails with `notFound` ("get NAME: no such volume"). */
  get(name: string): VolumeRecord;
  /** `usedBy` names the containers that use it; then it fails with `conflict` ("volume is in use - [ids]"). */
  remove(name: string, options: { force: boolean; usedBy: readonly string[] }): Promise<void>;
  /**
   * Mounts what the driver options ask for (type, o, device), unless it is mounted, and returns the host path. It stays mounted until the
   * last user has let go; the same user holds once, and needs to hold again when the daemon was started anew.
   */
  hold(name: string, user: string): Promise<string>;
  /** Idempotent: also for who does not hold it, and for volumes that are gone. */
  release(name: string, user: string): Promise<void>;
  /** Takes down what a daemon left mounted that was killed. Call it when all who hold something have said so. */
  unmountUnused(): Promise<void>;
  /** Copies the content of `source` (a path inside `root`) into the volume, or the directory `subpath` of it, with owner, mode and attributes, if that is empty. */
  fill(name: string, root: string, source: string, subpath?: string): Promise<void>;
  /** Bytes on disk. What the options had mounted from elsewhere is not counted, nor looked at. */
  size(name: string): Promise<number>;
  /** Resolves when nothing is under way, the deletion of removed volumes included. */
  idle(): Promise<void>;
  /** Bytes on disk of what is no volume: the folder itself, and removed ones that are being deleted. */
  rest(): Promise<number>;
}
