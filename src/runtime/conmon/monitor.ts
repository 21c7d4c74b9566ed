import { closeSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { errnoOf } from '../../base/index.ts';
import { createPipe, devNull, type QuickChild, startQuickly } from '../../host/index.ts';
import { type MonitorCommand, monitorArguments } from './command.ts';
import { ReportReader } from './report.ts';

// Descriptors in conmon, after the three standard ones.
const SYNC = 3;
const START = 4;
const ATTACH = 5;
/** The first that is held for a later daemon: only monitors of containers hold some, which have no ATTACH. */
export const FIRST_HELD = 5;
/** Characters kept of what conmon says on its standard error. */
const LONGEST_COMPLAINT = 4000;

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
 * (conmon's _OCI_STARTPIPE). The pipes are closed on both sides when it ends. It has copies of `held` as long as it runs; the runtime closes
 * them before a container begins.
 */
export function startMonitor(program: string, command: MonitorCommand, held: readonly number[] = []): Monitor {
  const attach = command.exec?.attach === true;
  const [errors, sync, start] = [createPipe(), createPipe(), createPipe()];
  const attached = attach ? createPipe() : undefined;
  const theirs = [errors.writeEnd, sync.writeEnd, start.readEnd, ...(attached ? [attached.writeEnd] : [])];
  try {
    const child = startQuickly({
      program,
      arguments: monitorArguments(command),
      directory: command.bundle,
      descriptors: [devNull(), devNull(), ...theirs, ...held],
      environment: {
        PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin',
        // Time stamps in logs are UTC whatever the daemon's zone is.
        TZ: 'UTC0',
        _OCI_SYNCPIPE: String(SYNC),
        _OCI_STARTPIPE: String(START),
        ...(attach ? { _OCI_ATTACHPIPE: String(ATTACH) } : {}),
      },
    });
    return new RunningMonitor(child, errors.readEnd, sync.readEnd, start.writeEnd, attached?.readEnd);
  } catch (error) {
    for (const fd of [errors.readEnd, sync.readEnd, start.writeEnd, ...(attached ? [attached.readEnd] : [])]) closeSync(fd);
    throw error;
  } finally {
    for (const fd of theirs) closeSync(fd);
  }
}

class RunningMonitor implements Monitor {
  readonly reports: ReportReader;
  readonly attachReports: ReportReader | undefined;
  readonly ended: Promise<{ complaint: string }>;
  #child: QuickChild;
  #start: number | undefined;
  #streams: Socket[];
  #complaint = '';

  constructor(child: QuickChild, errors: number, sync: number, start: number, attach: number | undefined) {
    this.#child = child;
    this.#start = start;
    const [errorStream, syncStream] = [openReader(errors), openReader(sync)];
    const attachStream = attach === undefined ? undefined : openReader(attach);
    this.#streams = [errorStream, syncStream, ...(attachStream ? [attachStream] : [])];
    errorStream.on('data', (chunk: Buffer) => {
      if (this.#complaint.length < LONGEST_COMPLAINT) this.#complaint += chunk.toString();
    });
    this.reports = new ReportReader(syncStream);
    this.attachReports = attachStream && new ReportReader(attachStream);
    this.ended = child.exit.then(() => {
      this.#closeStart();
      return { complaint: this.#complaint.trim() };
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  release(last: boolean): void {
    if (this.#start === undefined) return;
    try {
      writeSync(this.#start, 's');
    } catch (error) {
      // It has ended before: its report, or the lack of one, tells.
      if (errnoOf(error) !== 'EPIPE') throw error;
    }
    if (last) this.#closeStart();
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  letGo(): void {
    this.#child.unref();
    this.#closeStart();
    for (const stream of this.#streams) stream.destroy();
  }

  #closeStart(): void {
    if (this.#start !== undefined) closeSync(this.#start);
    this.#start = undefined;
  }
}

function openReader(fd: number): Socket {
  const stream = new Socket({ fd, readable: true, writable: false });
  // The end of a pipe is all that there is to know.
  stream.on('error', () => {});
  return stream;
}
