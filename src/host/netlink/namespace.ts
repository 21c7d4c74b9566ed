import { closeSync, mkdirSync, openSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import { describe, errnoOf, GantryError } from '../../base/index.ts';
import { detachMount, MS, mount } from '../kernel/mounts.ts';
import { enterNetworkNamespace, leaveNetworkNamespace } from '../kernel/namespaces.ts';

/**
 * Network namespaces without a helper process (0.4 ms each instead of 4). The main thread steps into a namespace for a
 * few synchronous calls and back: nothing else runs in between, and the threads of the pool never leave the daemon's own.
 */
const OWN = '/proc/thread-self/ns/net';

function attempt(what: string, call: () => void): void {
  try {
    call();
  } catch (error) {
    throw new GantryError('internal', `${what} failed: ${errnoOf(error)}`, { cause: error });
  }
}

function goHome(home: number): void {
  try {
    enterNetworkNamespace(home);
  } catch (error) {
    process.stderr.write(`Could not return to the daemon's network namespace: ${describe(error)}\n`);
    process.abort();
  }
}

/** Runs `inside` on the main thread in another namespace. It must be synchronous. When the way back fails, the process ends: it must not go on in a container's namespace. */
function away<T>(leave: () => void, inside: () => T): T {
  const home = openSync(OWN, 'r');
  try {
    leave();
    try {
      return inside();
    } finally {
      goHome(home);
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
      () => attempt('Making a network namespace', leaveNetworkNamespace),
      () => {
        attempt(`Keeping a network namespace at ${file}`, () => mount(OWN, file, 'none', MS.BIND, ''));
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
    return away(() => attempt(`Entering the network namespace ${file}`, () => enterNetworkNamespace(descriptor)), inside);
  } finally {
    closeSync(descriptor);
  }
}

/** Lets go of the namespace and removes the file. The kernel takes it apart later, when its last process has ended. Idempotent. */
export function dropNamespace(file: string): void {
  attempt(`Unmounting ${file}`, () => {
    try {
      detachMount(file);
    } catch (error) {
      // EINVAL: not a mount point; ENOENT: gone already.
      if (!['EINVAL', 'ENOENT'].includes(errnoOf(error) ?? '')) throw error;
    }
  });
  try {
    unlinkSync(file);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
