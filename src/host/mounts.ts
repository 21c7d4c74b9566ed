import type { Propagation } from '../model/index.ts';
export interface OverlayMount {
  /** Topmost first, absolute. */
  lower: readonly string[];
  /** Without upper and work the mount is read-only. */
  upper?: string;
  work?: string;
  target: string;
  /** Further options such as `volatile`, `metacopy=off`, `userxattr`. */
  options?: readonly string[];
  readonly?: boolean;
}
export interface MountEntry { id: number; parent: number; device: string; root: string; target: string; options: string[]; shared: boolean; fstype: string; source: string; superOptions: string[] }
/** Synchronous: about 0.3 ms. */
export declare function mountOverlay(mount: OverlayMount): void;
export declare function bindMount(source: string, target: string, options?: { readonly?: boolean; recursive?: boolean; propagation?: Propagation }): void;
export declare function mountTmpfs(target: string, options?: { size?: number; mode?: number; options?: readonly string[] }): void;
/** Idempotent: what is not mounted (any more), or does not exist, is fine. */
export declare function unmount(target: string, options?: { lazy?: boolean }): Promise<void>;
/** Mounts at or below `prefix`, in mount order. */
export declare function listMounts(prefix?: string): MountEntry[];
export declare function isMountPoint(path: string): boolean;
export declare function makePrivate(target: string): void;
