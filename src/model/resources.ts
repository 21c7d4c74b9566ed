/** Limits of one container. A field that is absent is not limited. Sizes are bytes. */
export interface ResourceLimits {
  memory?: number;
  memoryReservation?: number;
  /** Memory plus swap; -1 lifts the limit on swap. */
  memorySwap?: number;
  memorySwappiness?: number;
  oomKillDisable?: boolean;
  /** Billionths of a processor; excludes cpuQuota and cpuPeriod. */
  nanoCpus?: number;
  /** Microseconds per period. */
  cpuQuota?: number;
  /** Microseconds. */
  cpuPeriod?: number;
  cpuRealtimePeriod?: number;
  cpuRealtimeRuntime?: number;
  /** Relative weight, 2 to 262144; 1024 is the default. */
  cpuShares?: number;
  /** Such as `0-3,7`. */
  cpusetCpus?: string;
  cpusetMems?: string;
  /** -1 lifts the limit. */
  pidsLimit?: number;
  /** Relative weight, 10 to 1000. */
  blkioWeight?: number;
  blkioWeightDevice?: { path: string; weight: number }[];
  blkioDeviceReadBps?: DeviceRate[];
  blkioDeviceWriteBps?: DeviceRate[];
  blkioDeviceReadIops?: DeviceRate[];
  blkioDeviceWriteIops?: DeviceRate[];
}

export interface DeviceRate {
  /** Device node on the host. */
  path: string;
  /** Bytes or operations per second. */
  rate: number;
}

/** One rule of the device controller: `type` a, b or c; absent numbers mean all; access of r, w, m. */
export interface DeviceRule {
  allow: boolean;
  type: 'a' | 'b' | 'c';
  major?: number;
  minor?: number;
  access: string;
}

export interface DeviceSpec {
  pathOnHost: string;
  pathInContainer: string;
  /** Of r, w, m. */
  permissions: string;
}

/** The limits of a process that a container can be given: all of setrlimit(2) but that on the address space, as in Docker. */
export const ULIMIT_NAMES: readonly string[] = [
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
];

export interface Ulimit {
  /** One of ULIMIT_NAMES. */
  name: string;
  soft: number;
  hard: number;
}

/** What a container's cgroup says of itself at one moment. */
export interface ResourceUsage {
  cpu: {
    /** Nanoseconds. */
    total: number;
    user: number;
    system: number;
    perProcessor: number[];
    throttling: { periods: number; throttledPeriods: number; throttledTime: number };
  };
  memory: {
    /** Bytes. */
    usage: number;
    peak?: number;
    limit: number;
    failures?: number;
    /** memory.stat as it is. */
    stat: Record<string, number>;
  };
  pids: { current: number; limit: number };
  blockIo: { major: number; minor: number; readBytes: number; writeBytes: number; readOperations: number; writeOperations: number }[];
  cgroupVersion: 'v1' | 'v2';
}
