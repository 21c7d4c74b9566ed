import type { CacheEntry } from '../build/index.ts';
import type { ContainerStorage } from '../engine/index.ts';
import type { MakeRoom } from '../images/index.ts';
import type { Decision, ImageRecord } from '../model/index.ts';

/**
 * The disk: who owns which bytes below the data root, and how it stays within its budget. All sizes are bytes that are allocated on the disk,
 * as `du` counts them; each byte has one owner. What never changes (layers) is measured once, what nobody can have written to since is not
 * looked at again.
 *
 * Above its budget the disk collects until nine tenths are used: build cache, then images without a name, then images that no container was
 * made from, each by last use. Containers, running or not, their images, volumes and logs are never taken.
 */
export interface Disk extends Disposable {
  images(): Promise<ImagesOnDisk>;
  containers(): Promise<ContainerStorage[]>;
  volumes(): Promise<VolumeOnDisk[]>;
  /** Entries that are `shared` have their layer in common with an image, which owns the bytes. */
  buildCache(): Promise<CacheEntry[]>;
  /** Everything, by owner: the sum is what `du` says of the data root. */
  ledger(): Promise<LedgerLine[]>;
  /** Bytes; undefined when there is none. */
  budget(): Promise<number | undefined>;
  /** See `MakeRoom`. */
  makeRoom: MakeRoom;
  /** What is used by whom, what may be collected, what not and why, and what was. */
  why(): Promise<{ subject: string; state: string; summary: string; decisions: Decision[] }>;
  /** Begins to keep the budget. */
  start(): Promise<void>;
}

export interface ImagesOnDisk {
  /** Of all images; layers that several have count once. */
  total: number;
  /** Of what belongs to no single image: folders, what containers share. */
  rest: number;
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
