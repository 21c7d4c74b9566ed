import type { DeviceRate, DeviceRule, ResourceLimits } from '../../model/index.ts';
import type { OciDeviceRule, OciResources, OciThrottle } from './oci.ts';

/** Device nodes are allowed by number: finds those of a path on the host. */
export type DeviceNumbers = (path: string) => { major: number; minor: number };

const DEFAULT_PERIOD = 100_000;

/** The limits in the OCI specification's form, for a runtime that manages the cgroup itself. */
export function buildResources(limits: ResourceLimits, rules: readonly DeviceRule[], numbers: DeviceNumbers): OciResources {
  const throttles = (rates: readonly DeviceRate[] | undefined): OciThrottle[] =>
    (rates ?? []).map(({ path, rate }) => ({ ...numbers(path), rate }));
  const cpu = {
    ...pick('shares', limits.cpuShares),
    ...(limits.nanoCpus
      ? { period: DEFAULT_PERIOD, quota: Math.round(limits.nanoCpus / 10_000) }
      : { ...pick('period', limits.cpuPeriod), ...pick('quota', limits.cpuQuota) }),
    ...pick('realtimePeriod', limits.cpuRealtimePeriod),
    ...pick('realtimeRuntime', limits.cpuRealtimeRuntime),
    ...pick('cpus', limits.cpusetCpus),
    ...pick('mems', limits.cpusetMems),
  };
  const memory = {
    ...pick('limit', limits.memory),
    ...pick('reservation', limits.memoryReservation),
    ...pick('swap', limits.memorySwap),
    ...(limits.memorySwappiness === undefined || limits.memorySwappiness < 0 ? {} : { swappiness: limits.memorySwappiness }),
    ...pick('disableOOMKiller', limits.oomKillDisable),
  };
  const blockIO = {
    ...pick('weight', limits.blkioWeight),
    ...list(
      'weightDevice',
      (limits.blkioWeightDevice ?? []).map(({ path, weight }) => ({ ...numbers(path), weight })),
    ),
    ...list('throttleReadBpsDevice', throttles(limits.blkioDeviceReadBps)),
    ...list('throttleWriteBpsDevice', throttles(limits.blkioDeviceWriteBps)),
    ...list('throttleReadIOPSDevice', throttles(limits.blkioDeviceReadIops)),
    ...list('throttleWriteIOPSDevice', throttles(limits.blkioDeviceWriteIops)),
  };
  return {
    devices: rules.map(toOciRule),
    ...(Object.keys(memory).length ? { memory } : {}),
    ...(Object.keys(cpu).length ? { cpu } : {}),
    ...(limits.pidsLimit ? { pids: { limit: limits.pidsLimit } } : {}),
    ...(Object.keys(blockIO).length ? { blockIO } : {}),
  };
}

function toOciRule(rule: DeviceRule): OciDeviceRule {
  return {
    allow: rule.allow,
    ...(rule.type === 'a' ? {} : { type: rule.type }),
    ...(rule.major === undefined ? {} : { major: rule.major }),
    ...(rule.minor === undefined ? {} : { minor: rule.minor }),
    access: rule.access,
  };
}

/** Absent, 0 and '' alike mean "not asked for". */
function pick<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined || value === 0 || value === '' || value === false ? {} : { [key]: value }) as { [P in K]?: V };
}

function list<K extends string, V>(key: K, values: V[]): { [P in K]?: V[] } {
  return (values.length === 0 ? {} : { [key]: values }) as { [P in K]?: V[] };
}
