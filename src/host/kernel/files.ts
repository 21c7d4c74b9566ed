import { closeSync, constants, fchmodSync, openSync, writeFileSync } from 'node:fs';
import { AT_FDCWD, check, failure, lastErrno, native } from './library.ts';

/** Open flags that node:fs does not name. */
export const O_PATH = 0o10000000;
export const O_CLOEXEC = 0o2000000;

const OPENAT2 = 437;
const AT_SYMLINK_NOFOLLOW = 0x100;
const RESOLVE_IN_ROOT = 0x10;
const RESOLVE_NO_MAGICLINKS = 0x02;
const MFD = { CLOEXEC: 1, ALLOW_SEALING: 2, EXEC: 16 } as const;
const F_ADD_SEALS = 1033;
/** linux/fcntl.h. */
const F_SETPIPE_SZ = 1031;
/** No more seals, no shrinking, growing or writing (linux/fcntl.h). */
const EVERY_SEAL = 0b1111;

/**
 * A nameless file in memory that holds `content` and that nobody can change any more (memfd_create(2), all seals).
 * It can be run as /proc/PID/fd/N while the descriptor is open.
 */
export function createSealedFile(name: string, content: Uint8Array): number {
  const create = native('memfd_create', 'int', 'const char *', 'uint');
  let fd = create(name, MFD.CLOEXEC | MFD.ALLOW_SEALING | MFD.EXEC);
  // Kernels before 6.3 do not know MFD_EXEC: there it goes without saying.
  if (fd < 0) fd = check(create(name, MFD.CLOEXEC | MFD.ALLOW_SEALING), 'memfd_create', name);
  try {
    writeFileSync(fd, content);
    fchmodSync(fd, 0o755);
    check(native('fcntl', 'int', 'int', 'int', 'int')(fd, F_ADD_SEALS, EVERY_SEAL), 'fcntl', name);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** `mode` holds the file type too (S_IFCHR, S_IFBLK, S_IFIFO …). */
export function mknod(path: string, mode: number, device: { major: number; minor: number }): void {
  const { major, minor } = device;
  const number =
    ((BigInt(major) & 0xfffn) << 8n) |
    (BigInt(minor) & 0xffn) |
    ((BigInt(minor) & 0xfff00n) << 12n) |
    ((BigInt(major) & 0xfffff000n) << 32n);
  check(native('mknod', 'int', 'const char *', 'uint', 'uint64')(path, mode, number), 'mknod', path);
}

/** Nanoseconds since the epoch, set on the link itself when `path` is one. */
export function setTimes(path: string, accessed: bigint, modified: bigint): void {
  const times = Buffer.alloc(32);
  writeTime(times, 0, accessed);
  writeTime(times, 16, modified);
  const call = native('utimensat', 'int', 'int', 'const char *', 'const void *', 'int');
  check(call(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 'utimensat', path);
}

function writeTime(into: Buffer, offset: number, nanoseconds: bigint): void {
  // The kernel wants a fraction that is not negative, also before 1970.
  const fraction = ((nanoseconds % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  into.writeBigInt64LE((nanoseconds - fraction) / 1_000_000_000n, offset);
  into.writeBigInt64LE(fraction, offset + 8);
}

const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;
const FS_TOPDIR_FL = 0x00020000;
/** What a file system answers that has no such flags, or not this one. */
const NO_FLAGS = new Set(['ENOTTY', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'ENOSYS', 'EPERM']);

/**
 * Tells ext4 that the directories in this one have nothing to do with each other (chattr +T): each gets a block group with room.
 * Else all share one, where a search for a free inode passes over every one that was freed in the last minutes. Nothing elsewhere.
 */
export function spreadDirectories(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const flags = Buffer.alloc(8);
    const call = native('ioctl#flags', 'int', 'int', 'ulong', 'void *');
    check(call(fd, FS_IOC_GETFLAGS, flags), 'ioctl', path);
    if ((flags.readUInt32LE(0) & FS_TOPDIR_FL) !== 0) return;
    flags.writeUInt32LE(flags.readUInt32LE(0) | FS_TOPDIR_FL, 0);
    check(call(fd, FS_IOC_SETFLAGS, flags), 'ioctl', path);
  } catch (error) {
    if (!NO_FLAGS.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    closeSync(fd);
  }
}

const FALLOC_FL_COLLAPSE_RANGE = 0x08;
/** What a file system answers that can't do it, or not with this many bytes. */
const NO_COLLAPSE = new Set(['ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'ENOSYS', 'EPERM', 'ETXTBSY']);

/**
 * Takes the first `bytes` of a file away where it is, without copying what follows (fallocate(2), ext4 and XFS): a multiple of the file system's blocks,
 * less than all. False when the file system cannot do that.
 */
export function collapseStart(path: string, bytes: number): boolean {
  const fd = openSync(path, constants.O_RDWR);
  try {
    check(native('fallocate', 'int', 'int', 'int', 'int64', 'int64')(fd, FALLOC_FL_COLLAPSE_RANGE, 0, bytes), 'fallocate', path);
    return true;
  } catch (error) {
    if (NO_COLLAPSE.has((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** openat2(2): `path` is resolved as if the directory `rootFd` were `/`. The descriptor closes on exec. */
export function openat2InRoot(rootFd: number, path: string, flags: number, mode: number): number {
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(mode), 8);
  how.writeBigUInt64LE(BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), 16);
  const call = native('syscall#openat2', 'long', 'long', 'long', 'const char *', 'const void *', 'long');
  return Number(check(call(OPENAT2, rootFd, path, how, how.length), 'openat2', path));
}

/** Both ends close on exec, neither blocks a reader of Node's. `bytes` is what it shall hold, where the kernel lets it. */
export function createPipe(bytes?: number): { readEnd: number; writeEnd: number } {
  const ends = new Int32Array(2);
  check(native('pipe2', 'int', 'void *', 'int')(ends, O_CLOEXEC), 'pipe2');
  if (bytes !== undefined) native('fcntl', 'int', 'int', 'int', 'int')(ends[1], F_SETPIPE_SZ, bytes);
  return { readEnd: ends[0] as number, writeEnd: ends[1] as number };
}

/** Takes the exclusive flock(2) of an open file; false when another open file has it. */
export function tryLock(fd: number): boolean {
  if (native('flock', 'int', 'int', 'int')(fd, 2 | 4) === 0) return true;
  const error = failure('flock', lastErrno(), undefined);
  if (error.code === 'EAGAIN') return false;
  throw error;
}
