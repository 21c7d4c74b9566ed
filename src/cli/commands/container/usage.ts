import { binarySize, decimalSize } from '../../format/index.ts';
import { Row } from '../../template/index.ts';

interface CpuReport {
  readonly cpu_usage: { readonly total_usage: number; readonly percpu_usage?: readonly number[] | null };
  readonly system_cpu_usage?: number;
  readonly online_cpus?: number;
}

/** One element of GET /containers/{id}/stats. Counters are nanoseconds and bytes. */
export interface UsageReport {
  readonly id?: string;
  readonly name?: string;
  readonly cpu_stats: CpuReport;
  readonly precpu_stats: CpuReport;
  readonly memory_stats: { readonly usage?: number; readonly limit?: number; readonly stats?: Readonly<Record<string, number>> };
  readonly networks?: Readonly<Record<string, { readonly rx_bytes: number; readonly tx_bytes: number }>>;
  readonly blkio_stats?: { readonly io_service_bytes_recursive?: readonly { readonly op: string; readonly value: number }[] | null };
  readonly pids_stats?: { readonly current?: number };
}

/** What one line of `stats` shows; nothing measured yet when `measured` is false. */
export interface Sample {
  readonly container: string;
  readonly measured: boolean;
  readonly id: string;
  readonly name: string;
  readonly cpu: number;
  readonly memory: number;
  readonly limit: number;
  readonly received: number;
  readonly sent: number;
  readonly read: number;
  readonly written: number;
  readonly pids: number;
}

function cpuPercent({ cpu_stats: now, precpu_stats: before }: UsageReport): number {
  const used = now.cpu_usage.total_usage - before.cpu_usage.total_usage;
  const passed = (now.system_cpu_usage ?? 0) - (before.system_cpu_usage ?? 0);
  const processors = now.online_cpus || (now.cpu_usage.percpu_usage?.length ?? 0);
  return passed > 0 && used > 0 ? (used / passed) * processors * 100 : 0;
}

/** Memory without the file cache that the kernel would give back at once: cgroup v1 and v2 name it differently. */
function memoryUsed({ memory_stats: memory }: UsageReport): number {
  const usage = memory.usage ?? 0;
  const inactive = memory.stats?.total_inactive_file ?? memory.stats?.inactive_file ?? 0;
  return inactive < usage ? usage - inactive : usage;
}

/** The numbers that people look at. */
export function summarize(container: string, report: UsageReport | undefined): Sample {
  if (!report)
    return {
      container,
      measured: false,
      id: container,
      name: '',
      cpu: 0,
      memory: 0,
      limit: 0,
      received: 0,
      sent: 0,
      read: 0,
      written: 0,
      pids: 0,
    };
  const blocks = report.blkio_stats?.io_service_bytes_recursive ?? [];
  const bytes = (operation: string) =>
    blocks.filter((entry) => entry.op.toLowerCase().startsWith(operation)).reduce((total, entry) => total + entry.value, 0);
  const networks = Object.values(report.networks ?? {});
  return {
    container,
    measured: true,
    id: report.id ?? container,
    name: (report.name ?? '').replace(/^\//, ''),
    cpu: cpuPercent(report),
    memory: memoryUsed(report),
    limit: report.memory_stats.limit ?? 0,
    received: networks.reduce((total, one) => total + one.rx_bytes, 0),
    sent: networks.reduce((total, one) => total + one.tx_bytes, 0),
    read: bytes('r'),
    written: bytes('w'),
    pids: report.pids_stats?.current ?? 0,
  };
}

export const STATS_HEADERS = {
  Container: 'CONTAINER',
  ID: 'CONTAINER ID',
  Name: 'NAME',
  CPUPerc: 'CPU %',
  MemUsage: 'MEM USAGE / LIMIT',
  MemPerc: 'MEM %',
  NetIO: 'NET I/O',
  BlockIO: 'BLOCK I/O',
  PIDs: 'PIDS',
};

const NOTHING = '--';

/** One line of `stats`. */
export function sampleRow(sample: Sample, truncate: boolean): Row {
  const measured =
    (text: () => string, otherwise = NOTHING) =>
    () =>
      sample.measured ? text() : otherwise;
  const pair = `${NOTHING} / ${NOTHING}`;
  return new Row('statsContext', {
    Container: () => sample.container,
    ID: () => (truncate ? sample.id.slice(0, 12) : sample.id),
    Name: () => sample.name || NOTHING,
    CPUPerc: measured(() => `${sample.cpu.toFixed(2)}%`),
    MemUsage: measured(() => `${binarySize(sample.memory)} / ${binarySize(sample.limit)}`, pair),
    MemPerc: measured(() => `${(sample.limit === 0 ? 0 : (sample.memory / sample.limit) * 100).toFixed(2)}%`),
    NetIO: measured(() => `${decimalSize(sample.received)} / ${decimalSize(sample.sent)}`),
    BlockIO: measured(() => `${decimalSize(sample.read)} / ${decimalSize(sample.written)}`),
    PIDs: measured(() => String(sample.pids)),
  });
}
