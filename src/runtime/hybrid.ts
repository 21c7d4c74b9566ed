import { mkdirSync, readFileSync } from 'node:fs';
import { describe, errnoOf, type Log } from '../base/index.ts';
import { mount } from '../host/index.ts';

const UNIFIED_CONTROLLERS = '/sys/fs/cgroup/unified/cgroup.controllers';

/**
 * On a host with cgroup v1 controllers a few may be left on the v2 tree (hugetlb, say), and crun then refuses every
 * container. Mounting them as v1 hierarchies too, as cgroupfs-mount does with all, takes them off v2.
 */
export function takeControllersOffUnified(log: Log): void {
  for (const controller of leftovers()) {
    const target = `/sys/fs/cgroup/${controller}`;
    try {
      mkdirSync(target, { recursive: true });
      mount('cgroup', target, 'cgroup', 0, controller);
      log.info('a cgroup controller was taken off the v2 tree', { controller, target });
    } catch (error) {
      log.warn('a cgroup controller stays on the v2 tree; crun may refuse to run', { controller, error: describe(error) });
    }
  }
}

function leftovers(): string[] {
  try {
    return readFileSync(UNIFIED_CONTROLLERS, 'utf8').split(/\s+/).filter(Boolean);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}
