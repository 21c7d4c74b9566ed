import { closeSync, existsSync, readFileSync } from 'node:fs';
import { arch, availableParallelism, hostname, release, totalmem } from 'node:os';
import { errnoOf, invalid } from '../base/index.ts';
import { openPidfd, pollFd } from './kernel/index.ts';
import { run } from './processes.ts';

export interface ProcessTable {
  titles: string[];
  /** One row per process, as many fields as there are titles. */
  rows: string[][];
}

/**
 * The lines of `ps` (run on the host with `psArguments`, default `-ef`) for the processes `pids`.
 * `invalid` when ps refuses the arguments or prints no PID column.
 */
export async function processTable(pids: readonly number[], psArguments: readonly string[] = ['-ef']): Promise<ProcessTable> {
  const { code, stdout, stderr } = await run('ps', psArguments, { allowFailure: true, timeout: 10_000 });
  if (code !== 0) throw invalid(`ps refuses ${psArguments.join(' ')}: ${stderr.trim().split('\n')[0] ?? ''}`);
  return selectProcesses(stdout, pids);
}

export function selectProcesses(output: string, pids: readonly number[]): ProcessTable {
  const [header = '', ...lines] = output.split('\n');
  const titles = header.trim().split(/\s+/);
  const column = titles.indexOf('PID');
  if (column < 0) throw invalid("Couldn't find PID field in ps output", 'Let ps print the column PID');
  const wanted = new Set(pids.map(String));
  const rows: string[][] = [];
  for (const line of lines) {
    const fields = line.trim().split(/\s+/);
    if (!wanted.has(fields[column] ?? '')) continue;
    // The last column (the command) may hold spaces.
    rows.push([...fields.slice(0, titles.length - 1), fields.slice(titles.length - 1).join(' ')]);
  }
  return { titles, rows };
}

export interface HostInfo {
  /** As `uname -r`. */
  kernel: string;
  /** PRETTY_NAME, VERSION_ID and ID of os-release. */
  osName: string;
  osVersion: string;
  osId: string;
  /** As `uname -m`: `x86_64`, `aarch64`. */
  architecture: string;
  processors: number;
  /** Bytes. */
  memory: number;
  hostname: string;
  /** Seconds since the epoch. */
  bootTime: number;
  /** What the kernel offers. */
  security: { seccomp: boolean; apparmor: boolean; selinux: boolean };
}

const MACHINES: Record<string, string> = { x64: 'x86_64', arm64: 'aarch64' };

export function readHostInfo(): HostInfo {
  const os = parseOsRelease(readIfThere('/etc/os-release') ?? readIfThere('/usr/lib/os-release') ?? '');
  return {
    kernel: release(),
    osName: os['PRETTY_NAME'] ?? os['NAME'] ?? 'Linux',
    osVersion: os['VERSION_ID'] ?? '',
    osId: os['ID'] ?? 'linux',
    architecture: MACHINES[arch()] ?? arch(),
    processors: availableParallelism(),
    memory: totalmem(),
    hostname: hostname(),
    bootTime: Number(/^btime (\d+)/m.exec(readIfThere('/proc/stat') ?? '')?.[1] ?? 0),
    security: {
      seccomp: /^Seccomp:/m.test(readIfThere('/proc/self/status') ?? ''),
      apparmor: readIfThere('/sys/module/apparmor/parameters/enabled')?.trim() === 'Y',
      selinux: existsSync('/sys/fs/selinux/enforce'),
    },
  };
}

/** `NAME=value` lines; values may be quoted (os-release(5)). */
export function parseOsRelease(text: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const match = /^([A-Z_0-9]+)=(?:"(.*)"|'(.*)'|(.*))$/.exec(line.trim());
    if (match) values[match[1] as string] = (match[2] ?? match[3] ?? match[4] ?? '').replace(/\\(["$`\\])/g, '$1');
  }
  return values;
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

const LIMIT_NAMES: Record<string, string> = {
  'Max cpu time': 'cpu',
  'Max file size': 'fsize',
  'Max data size': 'data',
  'Max stack size': 'stack',
  'Max core file size': 'core',
  'Max resident set': 'rss',
  'Max processes': 'nproc',
  'Max open files': 'nofile',
  'Max locked memory': 'memlock',
  'Max address space': 'as',
  'Max file locks': 'locks',
  'Max pending signals': 'sigpending',
  'Max msgqueue size': 'msgqueue',
  'Max nice priority': 'nice',
  'Max realtime priority': 'rtprio',
  'Max realtime timeout': 'rttime',
};

/** The limits of a process (our own by default) by the names of `--ulimit`; Infinity means unlimited. */
export function readRlimits(pid: number | 'self' = 'self'): Record<string, { soft: number; hard: number }> {
  const limits: Record<string, { soft: number; hard: number }> = {};
  const value = (text: string) => (text === 'unlimited' ? Infinity : Number(text));
  for (const line of readFileSync(`/proc/${pid}/limits`, 'latin1').split('\n')) {
    const match = /^(Max [a-z ]+?)\s+(unlimited|\d+)\s+(unlimited|\d+)/.exec(line);
    const name = LIMIT_NAMES[match?.[1] ?? ''];
    if (match && name) limits[name] = { soft: value(match[2] as string), hard: value(match[3] as string) };
  }
  return limits;
}

/**
 * Resolves when process `pid` has ended (any process, not only a child); at once when it is gone already.
 * Rejects with the signal's reason when that aborts. Costs one descriptor, no polling.
 */
export function watchExit(pid: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const fd = openPidfd(pid);
    if (fd === undefined) return resolve();
    const handle = pollFd(fd, { readable: true }, () => finish(resolve));
    const onAbort = () => finish(() => reject(signal?.reason));
    signal?.addEventListener('abort', onAbort, { once: true });
    function finish(settle: () => void): void {
      handle.close();
      // The fd may be closed only after the poll handle has let go of it, in this turn of the loop.
      closeSync(fd as number);
      signal?.removeEventListener('abort', onAbort);
      settle();
    }
  });
}
