import type { Log } from '../../base/index.ts';
import type { DeviceRule, ResolvedMount, ResourceLimits, ResourceUsage } from '../../model/index.ts';
/** A cgroup's path is relative to each hierarchy's root, such as '/gantry/4f5e…'. */
export interface Cgroups {
  readonly version: 'v1' | 'v2';
  /** False on pure v2: there the OCI runtime makes the cgroup, and create and add are not to be used. */
  readonly managed: boolean;
  /** Idempotent. */
  create(path: string, limits: ResourceLimits, deviceRules: readonly DeviceRule[]): void;
  apply(path: string, limits: ResourceLimits): void;
  add(path: string, pid: number): void;
  processes(path: string): number[];
  exists(path: string): boolean;
  freeze(path: string): Promise<void>;
  thaw(path: string): Promise<void>;
  /** SIGKILL to all of its processes until none is left. */
  kill(path: string): Promise<void>;
  /** Undefined when the cgroup is gone. */
  stats(path: string): ResourceUsage | undefined;
  oomKills(path: string): number;
  remove(path: string): Promise<void>;
  /** Names of the children of `parent`. */
  list(parent: string): string[];
  mountsForContainer(path: string, namespace: 'private' | 'host'): ResolvedMount[];
}
export declare function openCgroups(log: Log): Cgroups;
export declare function favorFastMigration(execRoot: string, log: Log): void;
/** What Docker allows a container that is not privileged, before its own --device rules. */
export declare const DEFAULT_DEVICE_RULES: readonly DeviceRule[];
/** Device rule that a privileged container gets. */
export declare const ALL_DEVICES: readonly DeviceRule[];
