import { mkdirSync } from 'node:fs';
import { describe, errnoOf, type Log } from '../../base/index.ts';
import { mount } from '../kernel/index.ts';
import { isMountPoint } from '../mounts.ts';
import type { Cgroups } from './cgroups.ts';
import { findHierarchies } from './hierarchies.ts';
import { CgroupsVersion1 } from './version1.ts';
import { CgroupsVersion2 } from './version2.ts';

export type { Cgroups } from './cgroups.ts';
export { ALL_DEVICES, DEFAULT_DEVICE_RULES } from './devices.ts';

/** Probes what is mounted. `unavailable` when there are no cgroups at all. */
export function openCgroups(log: Log): Cgroups {
  const { version, folders } = findHierarchies();
  log.debug('cgroups found', { version, hierarchies: [...folders.values()].join(' ') });
  return version === 'v1' ? new CgroupsVersion1(folders) : new CgroupsVersion2(folders.get('') as string);
}

/**
 * Mounts a hierarchy without controllers below `execRoot`, only for its option favordynmods: while it is mounted,
 * moving a process between cgroups takes 0.3 ms and not 6 to 12. It is kernel-wide, so that several daemons share it
 * (each by a mount of its own). Idempotent. Where the kernel refuses, things are only slower: that is logged.
 */
export function favorFastMigration(execRoot: string, log: Log): void {
  const target = `${execRoot}/cgroup`;
  try {
    mkdirSync(target, { recursive: true });
    if (!isMountPoint(target)) mountNamed(target);
  } catch (error) {
    log.warn('Moving processes between cgroups stays slow', { reason: describe(error) });
  }
}

function mountNamed(target: string): void {
  try {
    mount('cgroup', target, 'cgroup', 0, 'none,name=gantry,favordynmods');
  } catch (error) {
    // A hierarchy of this name exists with other options: it is mounted as it is.
    if (errnoOf(error) !== 'EBUSY' && errnoOf(error) !== 'EINVAL') throw error;
    mount('cgroup', target, 'cgroup', 0, 'none,name=gantry');
  }
}
