export declare function writeFileAtomic(path: string, data: string | Uint8Array, options?: { mode?: number; fsyncDirectory?: boolean; fsync?: boolean }): Promise<void>;
export declare function removeTree(root: string, path: string): Promise<void>;
export declare function diskUsage(path: string): Promise<{ bytes: number; inodes: number }>;
export declare function diskFree(path: string): Promise<{ total: number; free: number; available: number; fstype: number }>;
export declare function ensureDirectory(path: string, mode?: number): void;
export declare function fsyncDirectory(path: string): Promise<void>;
export interface FileLock { release(): void }
/** Throws `conflict` naming the holder's pid. */
export declare function lockFile(path: string): FileLock;
