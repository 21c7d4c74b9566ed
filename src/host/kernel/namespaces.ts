import { check, native } from './library.ts';

/** Network namespaces (linux/sched.h). */
const CLONE_NEWNET = 0x40000000;

/** Puts the calling thread into a new network namespace. */
export function leaveNetworkNamespace(): void {
  check(native('unshare', 'int', 'int')(CLONE_NEWNET), 'unshare');
}

/** Puts the calling thread into the network namespace that is open as `fd`. */
export function enterNetworkNamespace(fd: number): void {
  check(native('setns', 'int', 'int', 'int')(fd, CLONE_NEWNET), 'setns');
}
