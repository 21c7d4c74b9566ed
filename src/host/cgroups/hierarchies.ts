import { closeSync, constants, openSync, readdirSync, readSync, statSync, writeSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf, GantryError } from '../../base/index.ts';
import { listMounts, type MountEntry } from '../mounts.ts';

/** The controllers that matter for containers; others (perf_event, net_cls …) are left alone. */
const CONTROLLERS = ['memory', 'cpu', 'cpuacct', 'cpuset', 'devices', 'freezer', 'blkio', 'pids'];

export interface Hierarchies {
  version: 'v1' | 'v2';
  /** v1: directory of each controller; several may share one. v2: one entry named ''. */
  folders: Map<string, string>;
}

/** What is mounted says what is used: v1 wins where both are (hybrid), since there the controllers are on v1. */
export function findHierarchies(mounts: readonly MountEntry[] = listMounts()): Hierarchies {
  const folders = new Map<string, string>();
  for (const { fstype, superOptions, target } of mounts) {
    // Mounts elsewhere are someone's own business, such as a container's or a test's.
    if (fstype !== 'cgroup' || !target.startsWith('/sys/fs/cgroup/')) continue;
    for (const controller of CONTROLLERS)
      if (superOptions.includes(controller) && !folders.has(controller)) folders.set(controller, target);
  }
  if (folders.size > 0) return { version: 'v1', folders };
  const unified = mounts.find((mount) => mount.fstype === 'cgroup2');
  if (!unified) throw new GantryError('unavailable', 'No cgroup file system is mounted', { hint: 'Mount cgroup2 on /sys/fs/cgroup' });
  return { version: 'v2', folders: new Map([['', unified.target]]) };
}

/** Checks a cgroup path before it is joined to a directory. */
export function checkPath(path: string): string {
  if (!path.startsWith('/') || path === '/' || path.split('/').includes('..'))
    throw new GantryError('invalid', `"${path}" is not the path of a cgroup below the root`);
  return path;
}

export const isGone = (error: unknown) => ['ENOENT', 'ENODEV', 'ENOTDIR'].includes(errnoOf(error) ?? '');

const buffer = Buffer.allocUnsafe(65536);

/** A small virtual file's text; undefined when it, or its cgroup, is gone. Three system calls, no stat. */
export function readValue(file: string): string | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(file, constants.O_RDONLY);
    let size = 0;
    for (;;) {
      const count = readSync(fd, buffer, size, buffer.length - size, null);
      size += count;
      if (count < 4096 || size === buffer.length) return buffer.toString('latin1', 0, size);
    }
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Writes each value by a write of its own, as the kernel wants it. */
export function writeValues(file: string, ...values: string[]): void {
  const fd = openSync(file, constants.O_WRONLY);
  try {
    for (const value of values) writeSync(fd, value);
  } finally {
    closeSync(fd);
  }
}

/** `name value` lines as numbers. */
export function parseTable(text: string): Record<string, number> {
  const table: Record<string, number> = {};
  for (const line of text.split('\n')) {
    const space = line.indexOf(' ');
    if (space > 0) table[line.slice(0, space)] = Number(line.slice(space + 1));
  }
  return table;
}

export function childNames(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

/** The pids in a cgroup directory and in those below it. */
export function pidsBelow(folder: string): number[] {
  const text = readValue(`${folder}/cgroup.procs`);
  if (text === undefined) return [];
  const pids = text
    .split('\n')
    .filter((line) => line !== '')
    .map(Number);
  for (const child of childNames(folder)) pids.push(...pidsBelow(`${folder}/${child}`));
  return pids;
}

const REMOVE_ATTEMPTS = 120;

/** Removes a cgroup directory and those below it. A process that is dying keeps it busy for a moment. */
export async function removeFolder(folder: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await rmdir(folder);
    } catch (error) {
      if (isGone(error)) return;
      const code = errnoOf(error);
      if ((code !== 'EBUSY' && code !== 'ENOTEMPTY') || attempt === REMOVE_ATTEMPTS) {
        throw new GantryError('internal', `Could not remove the cgroup ${folder}`, { cause: error });
      }
    }
    for (const child of childNames(folder)) await removeFolder(`${folder}/${child}`);
    if (attempt > 1) await sleep(Math.min(attempt, 50));
  }
}

export const exists = (folder: string) => statSync(folder, { throwIfNoEntry: false }) !== undefined;

/** `major:minor` of the device node `path`. */
export function deviceNumber(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat || !(stat.isBlockDevice() || stat.isCharacterDevice())) throw new GantryError('invalid', `${path} is not a device`);
  const number = BigInt(stat.rdev);
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xfffff000n);
  const minor = (number & 0xffn) | ((number >> 12n) & 0xfff00n);
  return `${major}:${minor}`;
}
