/**
 * The kernel calls that Node lacks, by FFI: the one file that knows koffi. The library is loaded at the first call.
 * A call that fails throws an error shaped as Node's own (`code`, `errno`, `syscall`, `path`), so that `errnoOf` reads both.
 */
import { createRequire } from 'node:module';
import { getSystemErrorName } from 'node:util';
import type { PollCallback, PollEvents, PollHandle } from './poll.ts';

type Native = (...args: unknown[]) => number;
interface NativeFunction extends Native {
  async(...args: unknown[]): void;
}
interface Koffi {
  load(path: null): { func(name: string, result: string, parameters: string[]): NativeFunction };
  errno(): number;
  node: { poll(fd: number, events: Partial<PollEvents>, callback: PollCallback): PollHandle };
}

/** Calls on paths start here unless told otherwise. */
export const AT_FDCWD = -100;

const require = createRequire(import.meta.url);
let koffi: Koffi | undefined;
let library: ReturnType<Koffi['load']> | undefined;
const functions = new Map<string, NativeFunction>();

/** The library itself, loaded at the first call. */
export function loadKoffi(): Koffi {
  koffi ??= require('koffi') as Koffi;
  return koffi;
}

/** Why the newest call on this thread failed; positive. */
export const lastErrno = (): number => loadKoffi().errno();

/**
 * A function of the C library. `key` is its name, followed by `#variant` where one C function is called with several
 * signatures.
 */
export function native(key: string, result: string, ...parameters: string[]): NativeFunction {
  let found = functions.get(key);
  if (!found) {
    library ??= loadKoffi().load(null);
    found = library.func(key.split('#', 1)[0] as string, result, parameters);
    functions.set(key, found);
  }
  return found;
}

/** An error shaped as Node's own. `errno` is positive. */
export function failure(syscall: string, errno: number, path: string | undefined): NodeJS.ErrnoException {
  const code = getSystemErrorName(-errno);
  const error: NodeJS.ErrnoException = new Error(`${code}: ${syscall}${path === undefined ? '' : ` '${path}'`}`);
  return Object.assign(error, { code, errno: -errno, syscall }, path === undefined ? {} : { path });
}

/** The result of a call that tells of its failure by -1. Throws then. */
export function check(result: number, syscall: string, path?: string): number {
  if (result < 0) throw failure(syscall, lastErrno(), path);
  return result;
}
