import { closeSync } from 'node:fs';
import { check, failure, lastErrno, native } from './library.ts';

// The C library may not wrap these; the numbers are the same on x86-64 and arm64.
const PIDFD_SEND_SIGNAL = 424;
const PIDFD_OPEN = 434;
const PIDFD_GETFD = 438;
const WNOHANG = 1;

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

/** A descriptor that names one process for ever, however pids are used again. Undefined when the process is gone. */
export function openPidfd(pid: number): number | undefined {
  const fd = Number(native('syscall#pidfd_open', 'long', 'long', 'long', 'long')(PIDFD_OPEN, pid, 0));
  if (fd >= 0) return fd;
  const error = failure('pidfd_open', lastErrno(), undefined);
  if (error.code === 'ESRCH' || error.code === 'EINVAL') return undefined;
  throw error;
}

/**
 * A copy of another process's descriptor, which closes on exec. Undefined when the process is gone, has no such descriptor, or the kernel (before 5.6)
 * or its rules keep it from us.
 */
export function copyDescriptor(pid: number, descriptor: number): number | undefined {
  const pidfd = openPidfd(pid);
  if (pidfd === undefined) return undefined;
  try {
    const call = native('syscall#pidfd_getfd', 'long', 'long', 'long', 'long', 'long');
    const copy = Number(call(PIDFD_GETFD, pidfd, descriptor, 0));
    return copy < 0 ? undefined : copy;
  } finally {
    closeSync(pidfd);
  }
}

/** False when the process is gone. */
export function signalPidfd(pidfd: number, signal: number): boolean {
  const call = native('syscall#pidfd_send_signal', 'long', 'long', 'long', 'long', 'const void *', 'long');
  if (Number(call(PIDFD_SEND_SIGNAL, pidfd, signal, null, 0)) === 0) return true;
  const error = failure('pidfd_send_signal', lastErrno(), undefined);
  if (error.code === 'ESRCH') return false;
  throw error;
}
