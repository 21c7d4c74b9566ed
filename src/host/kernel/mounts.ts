import { AT_FDCWD, check, failure, lastErrno, native } from './library.ts';

/** Mount flags (linux/mount.h). */
export const MS = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  REMOUNT: 32,
  BIND: 4096,
  MOVE: 8192,
  REC: 16384,
  UNBINDABLE: 1 << 17,
  PRIVATE: 1 << 18,
  SLAVE: 1 << 19,
  SHARED: 1 << 20,
  RELATIME: 1 << 21,
} as const;
/** umount2 flags. */
export const MNT = { FORCE: 1, DETACH: 2, EXPIRE: 4, NOFOLLOW: 8 } as const;

const MOUNT_SETATTR = 442;
const AT_RECURSIVE = 0x8000;

/** mount(2). Takes well under a millisecond for bind, tmpfs and overlay, hence synchronous. */
export function mount(source: string, target: string, fstype: string, flags: number, data: string): void {
  const call = native('mount', 'int', 'const char *', 'const char *', 'const char *', 'ulong', 'const char *');
  check(call(source, target, fstype, flags, data), 'mount', target);
}

/** umount2(2) on a worker thread: it may wait until a file system has written everything. */
export function umount2(target: string, flags: number): Promise<void> {
  const call = native('umount2', 'int', 'const char *', 'int');
  return new Promise((resolve, reject) => {
    call.async(target, flags, (error: unknown, result: number) => {
      if (error) reject(error);
      else if (result < 0) reject(failure('umount2', lastErrno(), target));
      else resolve();
    });
  });
}

/** umount2(2) with MNT_DETACH, at once: the mount leaves this namespace now, and ends when nobody uses it any more. */
export function detachMount(target: string): void {
  check(native('umount2', 'int', 'const char *', 'int')(target, MNT.DETACH), 'umount2', target);
}

/** mount_setattr(2) on a whole tree of mounts: makes it read-only. */
export function setTreeReadonly(target: string): void {
  const attributes = Buffer.alloc(32);
  attributes.writeBigUInt64LE(1n, 0);
  const call = native('syscall#mount_setattr', 'long', 'long', 'long', 'const char *', 'long', 'const void *', 'long');
  check(call(MOUNT_SETATTR, AT_FDCWD, target, AT_RECURSIVE, attributes, attributes.length), 'mount_setattr', target);
}

/** `f_flags` of statfs(2) (linux/statfs.h), as far as they are mount options. */
const ST: readonly (readonly [number, string])[] = [
  [1, 'ro'],
  [2, 'nosuid'],
  [4, 'nodev'],
  [8, 'noexec'],
];
/** Bytes of struct statfs and where its flags are, the same on all 64-bit systems. */
const STATFS_SIZE = 120;
const STATFS_FLAGS = 80;

/** What the mount that `path` is on forbids: `ro`, `nosuid`, `nodev`, `noexec`. On a worker thread: a network file system may not answer. */
export function mountRestrictions(path: string): Promise<string[]> {
  const call = native('statfs', 'int', 'const char *', 'void *');
  const found = Buffer.alloc(STATFS_SIZE);
  return new Promise((resolve, reject) => {
    call.async(path, found, (error: unknown, result: number) => {
      if (error) reject(error);
      else if (result < 0) reject(failure('statfs', lastErrno(), path));
      else resolve(ST.flatMap(([bit, option]) => ((found.readUInt32LE(STATFS_FLAGS) & bit) === 0 ? [] : [option])));
    });
  });
}
