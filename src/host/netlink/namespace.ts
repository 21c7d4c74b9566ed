import { closeSync, mkdirSync, openSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';
import { errnoOf, GantryError } from '../../base/index.ts';

/**
 * Network namespaces without a helper process (0.4 ms each instead of 4). The main thread steps into a namespace for a
 * few synchronous calls and back: nothing else runs in between, and the threads of the pool never leave the daemon's own.
 */
const CLONE_NEWNET = 0x40000000;
const MS_BIND = 4096;
const MNT_DETACH = 2;

const libc = koffi.load(null);
const unshare = libc.func('int unshare(int)');
const setns = libc.func('int setns(int, int)');
const mount = libc.func('int mount(const char *, const char *, const char *, unsigned long, const void *)');
const umount2 = libc.func('int umount2(const char *, int)');

const OWN = '/proc/thread-self/ns/net';

function check(result: number, what: string): void {
  if (result === 0) return;
  const errno = koffi.errno();
  const code = getSystemErrorName(-errno);
  throw new GantryError('internal', `${what} failed: ${code}`, { cause: Object.assign(new Error(code), { code }) });
}

/** Runs `inside` on the main thread in another namespace. It must be synchronous. When the way back fails, the process ends: it must not go on in a container's namespace. */
function away<T>(leave: () => void, inside: () => T): T {
  const home = openSync(OWN, 'r');
  try {
    leave();
    try {
      return inside();
    } finally {
      if (setns(home, CLONE_NEWNET) !== 0) {
        process.stderr.write(`Could not return to the daemon's network namespace: errno ${koffi.errno()}\n`);
        process.abort();
      }
    }
  } finally {
    closeSync(home);
  }
}

/**
 * Makes `file` hold a new network namespace and runs `inside` in it. Its interface `lo` is down.
 * Fails when the file exists; leaves nothing behind when it fails.
 */
export function makeNamespace<T>(file: string, inside: () => T): T {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o755 });
  closeSync(openSync(file, 'wx', 0o444));
  try {
    return away(
      () => check(unshare(CLONE_NEWNET), 'Making a network namespace'),
      () => {
        check(mount(OWN, file, 'none', MS_BIND, null), `Keeping a network namespace at ${file}`);
        return inside();
      },
    );
  } catch (error) {
    dropNamespace(file);
    throw error;
  }
}

/** Runs `inside` in the namespace that `file` holds. */
export function insideNamespace<T>(file: string, inside: () => T): T {
  const descriptor = openSync(file, 'r');
  try {
    return away(() => check(setns(descriptor, CLONE_NEWNET), `Entering the network namespace ${file}`), inside);
  } finally {
    closeSync(descriptor);
  }
}

/** Lets go of the namespace and removes the file. The kernel takes it apart later, when its last process has ended. Idempotent. */
export function dropNamespace(file: string): void {
  // EINVAL: not a mount point; ENOENT: gone already.
  if (umount2(file, MNT_DETACH) !== 0 && !['EINVAL', 'ENOENT'].includes(getSystemErrorName(-koffi.errno())))
    check(-1, `Unmounting ${file}`);
  try {
    unlinkSync(file);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
