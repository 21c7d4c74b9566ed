/**
 * The kernel calls that Node lacks, by FFI: the one file that knows koffi. The library is loaded at the first call.
 * A call that fails throws an error shaped as Node's own (`code`, `errno`, `syscall`, `path`), so that `errnoOf` reads both.
 */
import { closeSync, fchmodSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';

type Native = (...args: unknown[]) => number;
interface NativeFunction extends Native {
  async(...args: unknown[]): void;
}
interface PollEvents {
  readable: boolean;
  writable: boolean;
  disconnect: boolean;
}
/** `status` is negative (an errno) when the watching failed. koffi's own types leave it out. */
export type PollCallback = (status: number, events: PollEvents) => void;
/** Watches one descriptor from the event loop. Close it before the descriptor. */
export interface PollHandle {
  /** Watches for `events` from now on, in the place of what it watched for. */
  start(events: Partial<PollEvents>, callback: PollCallback): void;
  stop(): void;
  close(): void;
  ref(): void;
  unref(): void;
}
interface Koffi {
  load(path: null): { func(name: string, result: string, parameters: string[]): NativeFunction };
  errno(): number;
  node: { poll(fd: number, events: Partial<PollEvents>, callback: PollCallback): PollHandle };
}

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
/** Open flags that node:fs does not name. */
export const O_PATH = 0o10000000;
export const O_CLOEXEC = 0o2000000;

// Numbers of calls that the C library may not wrap; they are the same on x86-64 and arm64.
const SYS = { pidfdSendSignal: 424, pidfdOpen: 434, openat2: 437, mountSetattr: 442 } as const;
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_RECURSIVE = 0x8000;
const RESOLVE_IN_ROOT = 0x10;
const RESOLVE_NO_MAGICLINKS = 0x02;
const MFD = { CLOEXEC: 1, ALLOW_SEALING: 2, EXEC: 16 } as const;
const WNOHANG = 1;
const F_ADD_SEALS = 1033;
/** No more seals, no shrinking, growing or writing (linux/fcntl.h). */
const EVERY_SEAL = 0b1111;

const require = createRequire(import.meta.url);
let koffi: Koffi | undefined;
let library: ReturnType<Koffi['load']> | undefined;
const functions = new Map<string, NativeFunction>();

function loadKoffi(): Koffi {
  koffi ??= require('koffi') as Koffi;
  return koffi;
}

/** `key` is the name, followed by `#variant` where one C function is called with several signatures. */
function native(key: string, result: string, ...parameters: string[]): NativeFunction {
  let found = functions.get(key);
  if (!found) {
    library ??= loadKoffi().load(null);
    found = library.func(key.split('#', 1)[0] as string, result, parameters);
    functions.set(key, found);
  }
  return found;
}

function failure(syscall: string, errno: number, path: string | undefined): NodeJS.ErrnoException {
  const code = getSystemErrorName(-errno);
  const error: NodeJS.ErrnoException = new Error(`${code}: ${syscall}${path === undefined ? '' : ` '${path}'`}`);
  return Object.assign(error, { code, errno: -errno, syscall }, path === undefined ? {} : { path });
}

function check(result: number, syscall: string, path?: string): number {
  if (result < 0) throw failure(syscall, loadKoffi().errno(), path);
  return result;
}

/** mount(2). Takes well under a millisecond for bind, tmpfs and overlay, hence synchronous. */
export function mount(source: string, target: string, fstype: string, flags: number, data: string): void {
  const call = native('mount', 'int', 'const char *', 'const char *', 'const char *', 'ulong', 'const char *');
  check(call(source, target, fstype, flags, data), 'mount', target);
}

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

/** umount2(2) on a worker thread: it may wait until a file system has written everything. */
export function umount2(target: string, flags: number): Promise<void> {
  const call = native('umount2', 'int', 'const char *', 'int');
  return new Promise((resolve, reject) => {
    call.async(target, flags, (error: unknown, result: number) => {
      if (error) reject(error);
      else if (result < 0) reject(failure('umount2', loadKoffi().errno(), target));
      else resolve();
    });
  });
}

/** mount_setattr(2) on a whole tree of mounts: makes it read-only. */
export function setTreeReadonly(target: string): void {
  const attributes = Buffer.alloc(32);
  attributes.writeBigUInt64LE(1n, 0);
  const call = native('syscall#mount_setattr', 'long', 'long', 'long', 'const char *', 'long', 'const void *', 'long');
  check(call(SYS.mountSetattr, AT_FDCWD, target, AT_RECURSIVE, attributes, attributes.length), 'mount_setattr', target);
}

/**
 * Gives the memory that the C library keeps for later back to the kernel: after work with large buffers that is most of what the
 * process holds (90 MB after a pull). Takes some milliseconds.
 */
export function releaseFreeMemory(): void {
  native('malloc_trim', 'int', 'size_t')(0);
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

/** Of the link itself when `path` is one. */
export function setXattr(path: string, name: string, value: Uint8Array): void {
  const call = native('lsetxattr', 'int', 'const char *', 'const char *', 'const void *', 'size_t', 'int');
  check(call(path, name, Buffer.from(value), value.length, 0), 'lsetxattr', path);
}

const XATTR_MAX = 65536;

/** Undefined when the file has no such attribute, or its file system has none at all. */
export function getXattr(path: string, name: string): Buffer | undefined {
  const value = Buffer.allocUnsafe(XATTR_MAX);
  const size = native('lgetxattr', 'long', 'const char *', 'const char *', 'void *', 'size_t')(path, name, value, XATTR_MAX);
  if (size >= 0) return Buffer.from(value.subarray(0, size));
  const error = failure('lgetxattr', loadKoffi().errno(), path);
  if (error.code === 'ENODATA' || error.code === 'ENOTSUP') return undefined;
  throw error;
}

export function listXattrs(path: string): string[] {
  const names = Buffer.allocUnsafe(XATTR_MAX);
  const size = native('llistxattr', 'long', 'const char *', 'void *', 'size_t')(path, names, XATTR_MAX);
  if (size < 0) {
    const error = failure('llistxattr', loadKoffi().errno(), path);
    if (error.code === 'ENOTSUP') return [];
    throw error;
  }
  return names
    .toString('utf8', 0, size)
    .split('\0')
    .filter((name) => name !== '');
}

/** openat2(2): `path` is resolved as if the directory `rootFd` were `/`. The descriptor closes on exec. */
export function openat2InRoot(rootFd: number, path: string, flags: number, mode: number): number {
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(mode), 8);
  how.writeBigUInt64LE(BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), 16);
  const call = native('syscall#openat2', 'long', 'long', 'long', 'const char *', 'const void *', 'long');
  return Number(check(call(SYS.openat2, rootFd, path, how, how.length), 'openat2', path));
}

/** Both ends close on exec, neither blocks a reader of Node's. */
export function createPipe(): { readEnd: number; writeEnd: number } {
  const ends = new Int32Array(2);
  check(native('pipe2', 'int', 'void *', 'int')(ends, O_CLOEXEC), 'pipe2');
  return { readEnd: ends[0] as number, writeEnd: ends[1] as number };
}

export interface SpawnRequest {
  /** Absolute. */
  program: string;
  /** From argv[1] on. */
  arguments: readonly string[];
  environment: Readonly<Record<string, string>>;
  /** Descriptor N of the child is a copy of the N-th of ours. */
  descriptors: readonly number[];
  directory?: string;
}

/** SETSIGDEF, SETSIGMASK and SETSID of spawn.h. */
const SPAWN_FLAGS = 0x04 | 0x08 | 0x80;
/** More than any C library's posix_spawn_file_actions_t and posix_spawnattr_t take. */
const OPAQUE_BYTES = 1024;
/** Where sources go that a copy would overwrite before they are copied themselves. */
const ASIDE = 700;
let spawnAttributes: Buffer | undefined;

/**
 * posix_spawn(3): a child in a session of its own, with default signals and nothing open but `descriptors`. Ten times
 * faster than fork in a process of Node's size, for nothing of it is copied. Returns the pid; `reapChild` ends it.
 */
export function spawnChild(request: SpawnRequest): number {
  const actions = Buffer.alloc(OPAQUE_BYTES);
  native('posix_spawn_file_actions_init', 'int', 'void *')(actions);
  try {
    addDescriptors(actions, request.descriptors);
    if (request.directory !== undefined)
      native('posix_spawn_file_actions_addchdir_np', 'int', 'void *', 'const char *')(actions, request.directory);
    const pid = new Int32Array(1);
    const spawn = native('posix_spawn', 'int', 'void *', 'const char *', 'void *', 'void *', 'const char **', 'const char **');
    const environment = Object.entries(request.environment).map(([name, value]) => `${name}=${value}`);
    const errno = spawn(pid, request.program, actions, attributes(), [request.program, ...request.arguments, null], [...environment, null]);
    if (errno !== 0) throw failure('posix_spawn', errno, request.program);
    return pid[0] as number;
  } finally {
    native('posix_spawn_file_actions_destroy', 'int', 'void *')(actions);
  }
}

function addDescriptors(actions: Buffer, descriptors: readonly number[]): void {
  const copy = native('posix_spawn_file_actions_adddup2', 'int', 'void *', 'int', 'int');
  const close = native('posix_spawn_file_actions_addclose', 'int', 'void *', 'int');
  const low = descriptors.map((source, target) => source < descriptors.length && source !== target);
  for (const [target, source] of descriptors.entries()) if (low[target]) copy(actions, source, ASIDE + target);
  for (const [target, source] of descriptors.entries()) copy(actions, low[target] ? ASIDE + target : source, target);
  for (const target of descriptors.keys()) if (low[target]) close(actions, ASIDE + target);
}

function attributes(): Buffer {
  if (spawnAttributes) return spawnAttributes;
  spawnAttributes = Buffer.alloc(OPAQUE_BYTES);
  native('posix_spawnattr_init', 'int', 'void *')(spawnAttributes);
  native('posix_spawnattr_setsigdefault', 'int', 'void *', 'void *')(spawnAttributes, Buffer.alloc(128, 0xff));
  native('posix_spawnattr_setsigmask', 'int', 'void *', 'void *')(spawnAttributes, Buffer.alloc(128));
  native('posix_spawnattr_setflags', 'int', 'void *', 'short')(spawnAttributes, SPAWN_FLAGS);
  return spawnAttributes;
}

/** The wait status of a child that has ended; undefined while it runs. It is gone after that. */
export function reapChild(pid: number): number | undefined {
  const status = new Int32Array(1);
  const reaped = check(native('waitpid', 'int', 'int', 'void *', 'int')(pid, status, WNOHANG), 'waitpid');
  return reaped === 0 ? undefined : (status[0] as number);
}

/** Takes the exclusive flock(2) of an open file; false when another open file has it. */
export function tryLock(fd: number): boolean {
  if (native('flock', 'int', 'int', 'int')(fd, 2 | 4) === 0) return true;
  const error = failure('flock', loadKoffi().errno(), undefined);
  if (error.code === 'EAGAIN') return false;
  throw error;
}

/** A descriptor that names one process for ever, however pids are used again. Undefined when the process is gone. */
export function openPidfd(pid: number): number | undefined {
  const fd = Number(native('syscall#pidfd_open', 'long', 'long', 'long', 'long')(SYS.pidfdOpen, pid, 0));
  if (fd >= 0) return fd;
  const error = failure('pidfd_open', loadKoffi().errno(), undefined);
  if (error.code === 'ESRCH' || error.code === 'EINVAL') return undefined;
  throw error;
}

/** False when the process is gone. */
export function signalPidfd(pidfd: number, signal: number): boolean {
  const call = native('syscall#pidfd_send_signal', 'long', 'long', 'long', 'long', 'const void *', 'long');
  if (Number(call(SYS.pidfdSendSignal, pidfd, signal, null, 0)) === 0) return true;
  const error = failure('pidfd_send_signal', loadKoffi().errno(), undefined);
  if (error.code === 'ESRCH') return false;
  throw error;
}

let settling = false;

/**
 * koffi calls back outside of Node's own scopes, after which no promise and no process.nextTick would run until the next
 * event of another kind. An immediate is one, and comes in the same turn of the loop.
 */
function settled(callback: PollCallback): PollCallback {
  return (status, events) => {
    if (!settling) {
      settling = true;
      setImmediate(() => {
        settling = false;
      });
    }
    callback(status, events);
  };
}

/** Calls `callback` whenever one of `events` holds of `fd` (level-triggered), until it is stopped. */
export function pollFd(fd: number, events: Partial<PollEvents>, callback: PollCallback): PollHandle {
  const handle = loadKoffi().node.poll(fd, events, settled(callback));
  return {
    start: (wanted, changed) => handle.start(wanted, settled(changed)),
    stop: () => handle.stop(),
    close: () => handle.close(),
    ref: () => handle.ref(),
    unref: () => handle.unref(),
  };
}

/** A connected SOCK_SEQPACKET socket, non-blocking, closing on exec. `path` must fit into 107 bytes. */
export function connectSeqpacketFd(path: string): { fd: number } | { error: NodeJS.ErrnoException } {
  const name = Buffer.from(path);
  const address = Buffer.alloc(2 + name.length + 1);
  address.writeUInt16LE(1, 0);
  name.copy(address, 2);
  const fd = check(native('socket', 'int', 'int', 'int', 'int')(1, 5 | O_CLOEXEC | 0o4000, 0), 'socket');
  if (native('connect', 'int', 'int', 'const void *', 'uint')(fd, address, address.length) === 0) return { fd };
  const error = failure('connect', loadKoffi().errno(), path);
  native('close', 'int', 'int')(fd);
  return { error };
}

const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;

/** Receives into `buffer`; the count of bytes, 0 at the end of file, undefined when there is nothing now. */
export function receive(fd: number, buffer: Uint8Array): number | undefined {
  const count = Number(native('recv', 'long', 'int', 'void *', 'size_t', 'int')(fd, buffer, buffer.length, MSG_DONTWAIT_NOSIGNAL));
  return count >= 0 ? count : undefinedWhenAgain('recv');
}

/** Sends one packet; undefined when the peer's queue is full now. */
export function send(fd: number, data: Uint8Array): number | undefined {
  const count = Number(native('send', 'long', 'int', 'const void *', 'size_t', 'int')(fd, data, data.length, MSG_DONTWAIT_NOSIGNAL));
  return count >= 0 ? count : undefinedWhenAgain('send');
}

function undefinedWhenAgain(syscall: string): undefined {
  const errno = loadKoffi().errno();
  if (errno !== constants.errno.EAGAIN && errno !== constants.errno.EINTR) throw failure(syscall, errno, undefined);
}

/** shutdown(2) of the writing side: the peer reads end of file. */
export function shutdownWriting(fd: number): void {
  check(native('shutdown', 'int', 'int', 'int')(fd, 1), 'shutdown');
}
