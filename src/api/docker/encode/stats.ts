import type { ContainerUsage } from '../../../engine/index.ts';
import type { ResourceUsage } from '../../../model/index.ts';
import { NEVER } from '../../../model/index.ts';

/** The measurement before, from which clients compute rates. */
export type Previous = ContainerUsage | undefined;

/** One document of `GET /containers/{id}/stats`. */
export function encodeStats(current: ContainerUsage, previous: Previous): Record<string, unknown> {
  const { usage } = current;
  const before = previous?.running ? previous : undefined;
  return {
    name: `/${current.name}`,
    id: current.id,
    read: current.running ? current.read : NEVER,
    preread: before?.read ?? NEVER,
    pids_stats: usage ? { current: usage.pids.current, ...(usage.pids.limit > 0 ? { limit: usage.pids.limit } : {}) } : {},
    blkio_stats: encodeBlockIo(usage),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: encodeCpu(current.running ? current : undefined),
    precpu_stats: encodeCpu(before),
    memory_stats: usage ? encodeMemory(usage) : {},
    ...(current.running && Object.keys(current.networks).length > 0 ? { networks: encodeNetworks(current) } : {}),
  };
}

function encodeCpu(measured: ContainerUsage | undefined): Record<string, unknown> {
  const cpu = measured?.usage?.cpu;
  if (!measured || !cpu) {
    return {
      cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
      throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
    };
  }
  return {
    cpu_usage: {
      total_usage: cpu.total,
      ...(cpu.perProcessor.length > 0 ? { percpu_usage: cpu.perProcessor } : {}),
      usage_in_kernelmode: cpu.system,
      usage_in_usermode: cpu.user,
    },
    system_cpu_usage: measured.systemCpu,
    online_cpus: measured.processors,
    throttling_data: {
      periods: cpu.throttling.periods,
      throttled_periods: cpu.throttling.throttledPeriods,
      throttled_time: cpu.throttling.throttledTime,
    },
  };
}

function encodeMemory({ memory }: ResourceUsage): Record<string, unknown> {
  return {
    usage: memory.usage,
    ...(memory.peak === undefined ? {} : { max_usage: memory.peak }),
    stats: memory.stat,
    ...(memory.failures ? { failcnt: memory.failures } : {}),
    limit: memory.limit,
  };
}

/** cgroup v1 and v2 tell the same four numbers per device; the names of the operations differ in case. */
function encodeBlockIo(usage: ResourceUsage | undefined): Record<string, unknown> {
  // Linux has these numbers no more: version 1 shows none, version 2 not even a list.
  const none = usage?.cgroupVersion === 'v1' ? [] : null;
  const rest = {
    io_queue_recursive: none,
    io_service_time_recursive: none,
    io_wait_time_recursive: none,
    io_merged_recursive: none,
    io_time_recursive: none,
    sectors_recursive: none,
  };
  if (!usage) return { io_service_bytes_recursive: null, io_serviced_recursive: null, ...rest };
  const [read, write] = usage.cgroupVersion === 'v1' ? ['Read', 'Write'] : ['read', 'write'];
  const rows = (readKey: 'readBytes' | 'readOperations', writeKey: 'writeBytes' | 'writeOperations') =>
    usage.blockIo.flatMap((device) => [
      { major: device.major, minor: device.minor, op: read, value: device[readKey] },
      { major: device.major, minor: device.minor, op: write, value: device[writeKey] },
    ]);
  return {
    io_service_bytes_recursive: rows('readBytes', 'writeBytes'),
    io_serviced_recursive: rows('readOperations', 'writeOperations'),
    ...rest,
  };
}

function encodeNetworks({ networks }: ContainerUsage): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(networks).map(([name, counters]) => [
      name,
      {
        rx_bytes: counters.receivedBytes,
        rx_packets: counters.receivedPackets,
        rx_errors: counters.receivedErrors,
        rx_dropped: counters.receivedDropped,
        tx_bytes: counters.sentBytes,
        tx_packets: counters.sentPackets,
        tx_errors: counters.sentErrors,
        tx_dropped: counters.sentDropped,
      },
    ]),
  );
}
