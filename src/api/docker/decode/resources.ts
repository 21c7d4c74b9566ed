import { invalid, unsupported } from '../../../base/index.ts';
import { type DeviceRate, type ResourceLimits, ULIMIT_NAMES, type Ulimit } from '../../../model/index.ts';
import type { Fields } from './fields.ts';

/** The least memory with which a runtime can start a process at all. */
const MINIMUM_MEMORY = 6 * 1024 * 1024;

/**
 * The Resources part of HostConfig (and the body of update). Zero means "not limited", as everywhere in Docker.
 * `processors` is the number the host has.
 */
export function decodeResources(host: Fields, processors: number, purpose: 'create' | 'update' = 'create'): ResourceLimits {
  refuse(host);
  const limits: ResourceLimits = { ...memory(host, purpose), ...processorTime(host, processors), ...blockIo(host) };
  const pids = host.optionalInteger('PidsLimit');
  if (pids !== undefined && pids !== 0) limits.pidsLimit = pids < 0 ? -1 : pids;
  return limits;
}

/** Fields of other systems and of kernels long gone. */
function refuse(host: Fields): void {
  for (const name of ['CpuCount', 'CpuPercent', 'IOMaximumIOps', 'IOMaximumBandwidth']) {
    if (host.integer(name) !== 0) throw unsupported(`HostConfig.${name} is for Windows containers and is not supported here`);
  }
  // API below 1.42; kernels since 5.4 have no limit of their own for kernel memory.
  for (const name of ['KernelMemory', 'KernelMemoryTCP']) {
    if (host.integer(name) > 0) throw unsupported(`HostConfig.${name} is not supported: the kernel has no such limit any more`);
  }
}

function memory(host: Fields, purpose: 'create' | 'update'): ResourceLimits {
  const limit = host.integer('Memory');
  const swap = host.integer('MemorySwap');
  const reservation = host.integer('MemoryReservation');
  const swappiness = host.optionalInteger('MemorySwappiness');
  if (limit < 0 || (limit > 0 && limit < MINIMUM_MEMORY))
    throw invalid(`Minimum memory limit allowed is 6MB: HostConfig.Memory is ${limit} bytes`);
  if (limit > 0 && swap > 0 && swap < limit)
    throw invalid(
      `Minimum memoryswap limit should be larger than memory limit, see usage: HostConfig.MemorySwap ${swap} is below HostConfig.Memory ${limit}`,
    );
  if (purpose === 'create' && limit === 0 && swap > 0)
    throw invalid('You should always set the Memory limit when using Memoryswap limit, see usage');
  if (swappiness !== undefined && (swappiness < -1 || swappiness > 100))
    throw invalid(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
  if (reservation < 0 || (reservation > 0 && reservation < MINIMUM_MEMORY))
    throw invalid(`Minimum memory reservation allowed is 6MB: HostConfig.MemoryReservation is ${reservation} bytes`);
  if (limit > 0 && reservation > limit) throw invalid('Minimum memory limit can not be less than memory reservation limit, see usage');
  const limits: ResourceLimits = {};
  if (limit > 0) limits.memory = limit;
  if (swap !== 0) limits.memorySwap = swap < 0 ? -1 : swap;
  // Docker's rule: as much swap as memory, unless said otherwise.
  else if (limit > 0 && purpose === 'create') limits.memorySwap = limit * 2;
  if (reservation > 0) limits.memoryReservation = reservation;
  if (swappiness !== undefined && swappiness !== -1) limits.memorySwappiness = swappiness;
  if (host.optionalBoolean('OomKillDisable')) limits.oomKillDisable = true;
  return limits;
}

function processorTime(host: Fields, processors: number): ResourceLimits {
  const limits: ResourceLimits = {};
  const nano = host.integer('NanoCpus');
  const period = host.integer('CpuPeriod');
  const quota = host.integer('CpuQuota');
  if (nano !== 0 && period !== 0) throw invalid('Conflicting options: Nano CPUs and CPU Period cannot both be set');
  if (nano !== 0 && quota !== 0) throw invalid('Conflicting options: Nano CPUs and CPU Quota cannot both be set');
  if (nano !== 0 && (nano < 10_000_000 || nano > processors * 1e9)) {
    throw invalid(`range of CPUs is from 0.01 to ${processors}.00, as there are only ${processors} CPUs available`);
  }
  if (period !== 0 && (period < 1000 || period > 1_000_000))
    throw invalid(
      `CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000): HostConfig.CpuPeriod is ${period}`,
    );
  if (quota > 0 && quota < 1000) throw invalid(`CPU cfs quota can not be less than 1ms (i.e. 1000): HostConfig.CpuQuota is ${quota}`);
  if (nano !== 0) limits.nanoCpus = nano;
  if (period !== 0) limits.cpuPeriod = period;
  if (quota !== 0) limits.cpuQuota = quota < 0 ? -1 : quota;
  const shares = host.integer('CpuShares');
  if (shares < 0) throw invalid(`CPU shares must not be negative: HostConfig.CpuShares is ${shares}`);
  if (shares > 0) limits.cpuShares = Math.min(262_144, Math.max(2, shares));
  for (const [field, key] of [
    ['CpuRealtimePeriod', 'cpuRealtimePeriod'],
    ['CpuRealtimeRuntime', 'cpuRealtimeRuntime'],
  ] as const) {
    if (host.integer(field) !== 0) limits[key] = host.integer(field);
  }
  const cpus = cpuset(host, 'CpusetCpus', processors);
  const mems = cpuset(host, 'CpusetMems', undefined);
  if (cpus) limits.cpusetCpus = cpus;
  if (mems) limits.cpusetMems = mems;
  return limits;
}

/** `0-3,7`. */
function cpuset(host: Fields, field: string, processors: number | undefined): string | undefined {
  const text = host.string(field);
  if (text === '') return undefined;
  for (const part of text.split(',')) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim());
    if (!match || Number(match[2] ?? match[1]) < Number(match[1])) throw invalid(`Invalid value ${text} for HostConfig.${field}`);
    if (processors !== undefined && Number(match[2] ?? match[1]) >= processors) {
      throw invalid(`Requested CPUs are not available - requested ${text}, available: ${processors === 1 ? '0' : `0-${processors - 1}`}`);
    }
  }
  return text;
}

function blockIo(host: Fields): ResourceLimits {
  const limits: ResourceLimits = {};
  const weight = host.integer('BlkioWeight');
  if (weight !== 0 && (weight < 10 || weight > 1000))
    throw invalid(`Range of blkio weight is from 10 to 1000: HostConfig.BlkioWeight is ${weight}`);
  if (weight !== 0) limits.blkioWeight = weight;
  const weights = host.objects('BlkioWeightDevice').map((device) => ({ path: devicePath(device), weight: device.integer('Weight') }));
  if (weights.length > 0) limits.blkioWeightDevice = weights;
  for (const [field, key] of [
    ['BlkioDeviceReadBps', 'blkioDeviceReadBps'],
    ['BlkioDeviceWriteBps', 'blkioDeviceWriteBps'],
    ['BlkioDeviceReadIOps', 'blkioDeviceReadIops'],
    ['BlkioDeviceWriteIOps', 'blkioDeviceWriteIops'],
  ] as const) {
    const rates = host.objects(field).map((device): DeviceRate => ({ path: devicePath(device), rate: rateOf(device) }));
    if (rates.length > 0) limits[key] = rates;
  }
  return limits;
}

function devicePath(device: Fields): string {
  const path = device.string('Path');
  if (!path.startsWith('/')) throw invalid(`${device.path}.Path must be the absolute path of a device, not '${path}'`);
  return path;
}

function rateOf(device: Fields): number {
  const rate = device.integer('Rate');
  if (rate <= 0) throw invalid(`${device.path}.Rate must be positive, not ${rate}`);
  return rate;
}

export function decodeUlimits(host: Fields): Ulimit[] {
  return host.objects('Ulimits').map((entry) => {
    const name = entry.string('Name');
    if (!ULIMIT_NAMES.includes(name)) throw invalid(`invalid ulimit type: ${name}`);
    const soft = entry.integer('Soft');
    const hard = entry.integer('Hard');
    if (hard !== -1 && (soft === -1 || soft > hard))
      throw invalid(`ulimit soft limit must be less than or equal to hard limit: ${name}=${soft}:${hard}`);
    return { name, soft, hard };
  });
}
