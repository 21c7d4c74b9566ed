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
  /** Mounts what the driver options ask for (type, o, device) and returns the host path. Idempotent. */
  mount(name: string): Promise<string>;
  unmount(name: string): Promise<void>;
  /** Copies the content of `source` (a path inside `root`) into the volume, with owner, mode and attributes, if the volume is empty. */
  fill(name: string, root: string, source: string): Promise<void>;
  /** Bytes on disk. What the options had mounted from elsewhere is not counted, nor looked at. */
  size(name: string): Promise<number>;
  /** Bytes on disk of what is no volume: the folder itself, and removed ones that are being deleted. */
  rest(): Promise<number>;
}
