import type { Stats } from 'node:fs';
export declare function openInRoot(root: string, path: string, flags: number, mode?: number): number;
export declare function statInRoot(root: string, path: string): Stats | undefined;
export declare function lstatInRoot(root: string, path: string): Stats | undefined;
export declare function readlinkInRoot(root: string, path: string): string;
/** The absolute path inside root ('/etc/hosts') after all links but, with followLast false, the last. */
export declare function resolveInRoot(root: string, path: string, options?: { followLast?: boolean }): string;
/** Undefined when there is no such file. More than maxBytes is an error. */
export declare function readFileInRoot(root: string, path: string, maxBytes?: number): Buffer | undefined;
export declare function writeFileInRoot(root: string, path: string, data: string | Uint8Array, options?: { mode?: number; uid?: number; gid?: number }): void;
export declare function mkdirAllInRoot(root: string, path: string, options?: { mode?: number; uid?: number; gid?: number }): void;
/** Opens the directory that holds the last part of `path`; '/proc/self/fd/N/name' then works race-free. Close it. */
export declare function openParentInRoot(root: string, path: string): { fd: number; name: string; entry: string; close(): void };
