/** Mount flags (linux/mount.h). */
export const MS = { RDONLY: 1, NOSUID: 2, NODEV: 4, NOEXEC: 8, REMOUNT: 32, BIND: 4096, MOVE: 8192, REC: 16384, UNBINDABLE: 1 << 17, PRIVATE: 1 << 18, SLAVE: 1 << 19, SHARED: 1 << 20, RELATIME: 1 << 21 } as const;
/** umount2 flags. */
export const MNT = { FORCE: 1, DETACH: 2, EXPIRE: 4, NOFOLLOW: 8 } as const;
export declare function mount(source: string, target: string, fstype: string, flags: number, data: string): void;
export declare function umount2(target: string, flags: number): Promise<void>;
export declare function mknod(path: string, mode: number, device: { major: number; minor: number }): void;
/** Nanoseconds since the epoch, set on the link itself when `path` is one. */
export declare function setTimes(path: string, accessed: bigint, modified: bigint): void;
export declare function setXattr(path: string, name: string, value: Uint8Array): void;
export declare function getXattr(path: string, name: string): Buffer | undefined;
export declare function listXattrs(path: string): string[];
export declare function becomeSubreaper(): void;
export declare function setWindowSize(fd: number, size: { rows: number; columns: number }): void;
/** Both ends close on exec. */
export declare function createPipe(): { readEnd: number; writeEnd: number };
