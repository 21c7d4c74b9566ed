import type { Readable, Writable } from 'node:stream';
import { GantryError } from '../../base/index.ts';
import { spawn } from '../../host/index.ts';
import { type MonitorCommand, monitorArguments } from './command.ts';
import { ReportReader } from './report.ts';

const SYNC = 3;
const START = 4;
const ATTACH = 5;

/** A running conmon that waits at its start pipe. */
export interface Monitor {
  readonly pid: number;
  readonly reports: ReportReader;
  /** Only with `exec.attach`: tells that the attach socket is there. */
  readonly attachReports: ReportReader | undefined;
  /** One byte through the start pipe: the first lets conmon begin, a second (exec with attach) lets the command run. */
  release(last: boolean): void;
  /** Resolves when conmon has ended; its own complaints on the standard error. */
  readonly ended: Promise<{ complaint: string }>;
  kill(): void;
  /** Nothing more is to be told: closes the pipes, and no longer keeps the daemon from ending. */
  letGo(): void;
}

/**
 * Starts conmon. It does nothing before `release`, so that the caller can put it into a cgroup first
 * (conmon's _OCI_STARTPIPE). The pipes are closed on both sides when it ends.
 */
export async function startMonitor(program: string, command: MonitorCommand): Promise<Monitor> {
  const attach = command.exec?.attach === true;
  const child = await spawn(program, monitorArguments(command), {
    cwd: command.bundle,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe', ...(attach ? (['pipe'] as const) : [])],
    env: {
      PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin',
      // Time stamps in logs are UTC whatever the daemon's zone is.
      TZ: 'UTC0',
      _OCI_SYNCPIPE: String(SYNC),
      _OCI_STARTPIPE: String(START),
      ...(attach ? { _OCI_ATTACHPIPE: String(ATTACH) } : {}),
    },
  });
  const [, , errors, sync, start, attachPipe] = child.stdio as (Readable & Writable)[];
  if (!errors || !sync || !start) throw new GantryError('internal', 'conmon was started without its pipes');
  let complaint = '';
  errors.on('data', (chunk: Buffer) => {
    if (complaint.length < 4000) complaint += chunk.toString();
  });
  for (const pipe of [errors, sync, start, attachPipe]) {
    pipe?.on('error', () => {});
  }
  return {
    pid: child.pid,
    reports: new ReportReader(sync),
    attachReports: attachPipe ? new ReportReader(attachPipe) : undefined,
    release: (last) => (last ? start.end('s') : start.write('s')),
    ended: child.exit.then(() => ({ complaint: complaint.trim() })),
    kill: () => child.kill('SIGKILL'),
    letGo: () => {
      child.unref();
      for (const pipe of [errors, sync, start, attachPipe]) pipe?.destroy();
    },
  };
}
