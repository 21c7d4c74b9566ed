/** From limits to the files to write: pure, one function for each cgroup version. */
import type { DeviceRate, ResourceLimits } from '../../model/index.ts';
import type { DeviceNumber, LimitWrite } from './cgroups.ts';

const DEFAULT_PERIOD = 100_000;
const unlimitedBytes = (bytes: number) => (bytes <= 0 ? '-1' : String(bytes));
const orMax = (value: number) => (value <= 0 ? 'max' : String(value));

class Writes {
  readonly all: LimitWrite[] = [];

  /** Nothing happens for a value that is absent. */
  add<T>(controller: string, file: string, field: keyof ResourceLimits, value: T | undefined, format: (value: T) => string = String): void {
    if (value !== undefined) this.all.push({ controller, file, value: format(value), field });
  }
}

/** Period and quota in microseconds; a quota of -1 lifts the limit. */
function quotaOf(limits: ResourceLimits): { period?: number; quota?: number } {
  if (limits.nanoCpus !== undefined)
    return { period: DEFAULT_PERIOD, quota: limits.nanoCpus <= 0 ? -1 : Math.round((limits.nanoCpus * DEFAULT_PERIOD) / 1e9) };
  const { cpuPeriod, cpuQuota } = limits;
  return {
    ...(cpuPeriod === undefined ? {} : { period: cpuPeriod || DEFAULT_PERIOD }),
    ...(cpuQuota === undefined ? {} : { quota: cpuQuota <= 0 ? -1 : cpuQuota }),
  };
}

const quotaField = (limits: ResourceLimits) => (limits.nanoCpus === undefined ? 'cpuQuota' : 'nanoCpus');

/**
 * Memory before memory with swap, for a cgroup without limits as well as for a lowered limit: the kernel insists on
 * memory ≤ memory + swap at each moment. `raised` turns the two round.
 */
export function planVersion1(limits: ResourceLimits, numberOf: DeviceNumber, raised = false): LimitWrite[] {
  const writes = new Writes();
  writes.add('memory', 'memory.limit_in_bytes', 'memory', limits.memory, unlimitedBytes);
  writes.add('memory', 'memory.memsw.limit_in_bytes', 'memorySwap', limits.memorySwap, unlimitedBytes);
  if (raised) writes.all.reverse();
  writes.add('memory', 'memory.soft_limit_in_bytes', 'memoryReservation', limits.memoryReservation, unlimitedBytes);
  writes.add('memory', 'memory.swappiness', 'memorySwappiness', limits.memorySwappiness);
  writes.add('memory', 'memory.oom_control', 'oomKillDisable', limits.oomKillDisable, (on) => (on ? '1' : '0'));
  const { period, quota } = quotaOf(limits);
  writes.add('cpu', 'cpu.cfs_period_us', 'cpuPeriod', period);
  writes.add('cpu', 'cpu.cfs_quota_us', quotaField(limits), quota);
  writes.add('cpu', 'cpu.shares', 'cpuShares', limits.cpuShares || undefined);
  writes.add('cpu', 'cpu.rt_period_us', 'cpuRealtimePeriod', limits.cpuRealtimePeriod || undefined);
  writes.add('cpu', 'cpu.rt_runtime_us', 'cpuRealtimeRuntime', limits.cpuRealtimeRuntime || undefined);
  writes.add('cpuset', 'cpuset.cpus', 'cpusetCpus', limits.cpusetCpus || undefined);
  writes.add('cpuset', 'cpuset.mems', 'cpusetMems', limits.cpusetMems || undefined);
  writes.add('pids', 'pids.max', 'pidsLimit', limits.pidsLimit, orMax);
  writes.add('blkio', 'blkio.weight', 'blkioWeight', limits.blkioWeight || undefined);
  for (const { path, weight } of limits.blkioWeightDevice ?? [])
    writes.add('blkio', 'blkio.weight_device', 'blkioWeightDevice', `${numberOf(path)} ${weight}`);
  const throttle = (file: string, field: keyof ResourceLimits, rates: DeviceRate[] = []) => {
    for (const { path, rate } of rates) writes.add('blkio', `blkio.throttle.${file}_device`, field, `${numberOf(path)} ${rate}`);
  };
  throttle('read_bps', 'blkioDeviceReadBps', limits.blkioDeviceReadBps);
  throttle('write_bps', 'blkioDeviceWriteBps', limits.blkioDeviceWriteBps);
  throttle('read_iops', 'blkioDeviceReadIops', limits.blkioDeviceReadIops);
  throttle('write_iops', 'blkioDeviceWriteIops', limits.blkioDeviceWriteIops);
  return writes.all;
}

/** v1 shares (2 to 262144) on the scale of v2 weights (1 to 10000), linear as the OCI runtimes have it. */
export function weightOfShares(shares: number): number {
  return 1 + Math.floor(((Math.min(Math.max(shares, 2), 262144) - 2) * 9999) / 262142);
}

/** Swap alone, which is what v2 limits. */
function swapOnly({ memory, memorySwap }: ResourceLimits): string | undefined {
  if (memorySwap === undefined) return undefined;
  if (memorySwap <= 0) return 'max';
  return String(Math.max(0, memorySwap - Math.max(memory ?? 0, 0)));
}

export function planVersion2(limits: ResourceLimits, numberOf: DeviceNumber): LimitWrite[] {
  const writes = new Writes();
  writes.add('memory', 'memory.max', 'memory', limits.memory, orMax);
  writes.add('memory', 'memory.swap.max', 'memorySwap', swapOnly(limits));
  writes.add('memory', 'memory.low', 'memoryReservation', limits.memoryReservation, (bytes) => String(Math.max(bytes, 0)));
  const { period, quota } = quotaOf(limits);
  if (period !== undefined || quota !== undefined)
    writes.add('cpu', 'cpu.max', quotaField(limits), `${orMax(quota ?? -1)} ${period ?? DEFAULT_PERIOD}`);
  writes.add('cpu', 'cpu.weight', 'cpuShares', limits.cpuShares || undefined, (shares) => String(weightOfShares(shares)));
  writes.add('cpuset', 'cpuset.cpus', 'cpusetCpus', limits.cpusetCpus || undefined);
  writes.add('cpuset', 'cpuset.mems', 'cpusetMems', limits.cpusetMems || undefined);
  writes.add('pids', 'pids.max', 'pidsLimit', limits.pidsLimit, orMax);
  writes.add(
    'io',
    'io.weight',
    'blkioWeight',
    limits.blkioWeight || undefined,
    (weight) => `default ${1 + Math.floor(((weight - 10) * 9999) / 990)}`,
  );
  const throttle = (key: string, field: keyof ResourceLimits, rates: DeviceRate[] = []) => {
    for (const { path, rate } of rates) writes.add('io', 'io.max', field, `${numberOf(path)} ${key}=${orMax(rate)}`);
  };
  throttle('rbps', 'blkioDeviceReadBps', limits.blkioDeviceReadBps);
  throttle('wbps', 'blkioDeviceWriteBps', limits.blkioDeviceWriteBps);
  throttle('riops', 'blkioDeviceReadIops', limits.blkioDeviceReadIops);
  throttle('wiops', 'blkioDeviceWriteIops', limits.blkioDeviceWriteIops);
  return writes.all;
}
