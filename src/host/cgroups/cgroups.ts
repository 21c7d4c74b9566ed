import type { DeviceRule, ResolvedMount, ResourceLimits, ResourceUsage } from '../../model/index.ts';

/**
 * The cgroups of containers. A cgroup's path is relative to the root of each hierarchy, such as `/gantry/4f5e…`.
 * Reads and writes are small files of a virtual file system, hence mostly synchronous.
 */
export interface Cgroups {
  readonly version: 'v1' | 'v2';
  /** False on pure v2: there the OCI runtime makes the cgroup and puts processes in; create() and add() refuse. */
  readonly managed: boolean;
  /** Whether the kernel shares block devices by weight; a weight is ignored where it does not. */
  readonly weighsBlockIo: boolean;
  /** Makes the cgroup, or sets limits and rules of an existing one. */
  create(path: string, limits: ResourceLimits, deviceRules: readonly DeviceRule[]): void;
  /** Sets the limits that are present; the others stay. `invalid` or `unsupported` names the limit that the kernel refused. */
  apply(path: string, limits: ResourceLimits): void;
  /** Moves one process in; its later children are born there. `notFound` when it is gone. */
  add(path: string, pid: number): void;
  /** All processes of the cgroup and of those below it; none when it is gone. */
  processes(path: string): number[];
  exists(path: string): boolean;
  /** Resolves when all processes stand still; `unavailable` after 10 seconds (then they run on). */
  freeze(path: string): Promise<void>;
  thaw(path: string): Promise<void>;
  /** SIGKILL to all processes, again until none is left; frozen ones too. `unavailable` after 10 seconds. */
  kill(path: string): Promise<void>;
  /** Undefined when the cgroup is gone. A limit of pids of 0 means none; a memory limit is never above the host's memory. */
  stats(path: string): ResourceUsage | undefined;
  /** How many of its processes the kernel killed for want of memory. 0 when the cgroup is gone. */
  oomKills(path: string): number;
  /** Idempotent, and removes those below it too. Waits up to 5 seconds for dying processes. */
  remove(path: string): Promise<void>;
  /** Names of the children of `parent`, in any hierarchy. */
  list(parent: string): string[];
  /** What a container sees at /sys/fs/cgroup (read-only): its own cgroup. `path` must exist on v1. */
  mountsForContainer(path: string, namespace: 'private' | 'host'): ResolvedMount[];
}

/** One file to write, and the field of ResourceLimits that asks for it. */
export interface LimitWrite {
  controller: string;
  file: string;
  value: string;
  field: keyof ResourceLimits;
}

/** `major:minor` of a device node; throws when it is none. */
export type DeviceNumber = (path: string) => string;
