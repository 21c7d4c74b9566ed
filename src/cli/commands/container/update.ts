import type { Command } from '../../command.ts';
import { CommandFailure } from '../../failure.ts';
import { bytes, decimal, type Flags, int, text, uint16 } from '../../flags/index.ts';
import { containerPath, forEachName } from '../each.ts';

/** Flag, field of the API. */
const NUMBERS: Record<string, string> = {
  'blkio-weight': 'BlkioWeight',
  'cpu-period': 'CpuPeriod',
  'cpu-quota': 'CpuQuota',
  'cpu-rt-period': 'CpuRealtimePeriod',
  'cpu-rt-runtime': 'CpuRealtimeRuntime',
  'cpu-shares': 'CpuShares',
  cpus: 'NanoCpus',
  memory: 'Memory',
  'memory-reservation': 'MemoryReservation',
  'memory-swap': 'MemorySwap',
  'pids-limit': 'PidsLimit',
};
const TEXTS: Record<string, string> = { 'cpuset-cpus': 'CpusetCpus', 'cpuset-mems': 'CpusetMems' };

function updateBody(flags: Flags): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const [flag, field] of Object.entries(NUMBERS)) if (flags.given(flag)) body[field] = flags.number(flag);
  for (const [flag, field] of Object.entries(TEXTS)) if (flags.given(flag)) body[field] = flags.text(flag);
  if (flags.given('restart')) {
    const [Name = '', count] = flags.text('restart').split(':');
    if (count !== undefined && !/^\d+$/.test(count))
      throw new CommandFailure('invalid restart policy format: maximum retry count must be an integer');
    body.RestartPolicy = { Name, MaximumRetryCount: Number(count ?? 0) };
  }
  if (Object.keys(body).length === 0) throw new CommandFailure('you must provide one or more flags when using this command');
  return body;
}

const command: Command = {
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  flags: [
    uint16('blkio-weight', 'Relative weight of block I/O, 10 to 1000; 0 leaves it'),
    int('cpu-period', "Length of the scheduler's period in microseconds"),
    int('cpu-quota', 'Microseconds of processor time in each period'),
    int('cpu-rt-period', 'Period of real-time scheduling in microseconds'),
    int('cpu-rt-runtime', 'Real-time microseconds in each period'),
    int('cpu-shares', 'Relative share of the processors', { short: 'c' }),
    decimal('cpus', 'Number of processors, such as 1.5'),
    text('cpuset-cpus', 'Processors to run on (0-3, 0,1)'),
    text('cpuset-mems', 'Memory nodes to use (0-3, 0,1)'),
    bytes('memory', 'Most memory, such as 512m', { short: 'm' }),
    bytes('memory-reservation', 'Memory to keep when the host runs short'),
    bytes('memory-swap', 'Most memory and swap together; -1 for no limit'),
    int('pids-limit', 'Most processes; -1 for no limit'),
    text('restart', 'What to do when it exits', { choices: ['no', 'always', 'unless-stopped', 'on-failure'] }),
  ],
  args: [1, Number.POSITIVE_INFINITY],
  completes: 'containers',
  async run(session, flags, names) {
    const body = updateBody(flags);
    const client = await session.client();
    const warnings: string[] = [];
    const update = async (name: string) => {
      const reply = await client.json<{ Warnings?: string[] | null }>('POST', containerPath(name, '/update'), { body });
      warnings.push(...(reply?.Warnings ?? []));
    };
    await forEachName(session, names, update, { atOnce: 1 });
    session.err(warnings.map((warning) => `WARNING: ${warning}\n`).join(''));
  },
};
export default command;
