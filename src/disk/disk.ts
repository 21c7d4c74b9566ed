import type { CacheEntry } from '../build/index.ts';
import type { ContainerStorage } from '../engine/index.ts';
import type { ImageRecord } from '../model/index.ts';

/**
 * The disk: who owns which bytes below the data root. All sizes are bytes that are allocated on the disk, as `du` counts them; each byte
 * has one owner. What never changes (layers) is measured once, what nobody can have written to since is not looked at again.
 */
export interface Disk {
  images(): Promise<ImagesOnDisk>;
  containers(): Promise<ContainerStorage[]>;
  volumes(): Promise<VolumeOnDisk[]>;
  /** Entries that are `shared` have their layer in common with an image, which owns the bytes. */
  buildCache(): Promise<CacheEntry[]>;
  /** Everything, by owner: the sum is what `du` says of the data root. */
  ledger(): Promise<LedgerLine[]>;
}

export interface ImagesOnDisk {
  /** Of all images; layers that several have count once. */
  total: number;
  list: ImageOnDisk[];
}

export interface ImageOnDisk {
  image: ImageRecord;
  /** With all of its layers, those that others have too included. */
  size: number;
  /** Of layers that other images have too. */
  sharedSize: number;
  /** How many containers were made from it. */
  containers: number;
}

export interface VolumeOnDisk {
  name: string;
  size: number;
  /** How many containers use it. */
  references: number;
}

export type Owner = 'images' | 'build cache' | 'containers' | 'logs' | 'volumes' | 'unfinished' | 'other';

export interface LedgerLine {
  owner: Owner;
  bytes: number;
}
