import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { basename } from 'node:path';
import { errnoOf, GantryError } from '../base/index.ts';
import { openPidfd, pollFd, reapChild, type SpawnRequest, spawnChild } from './kernel/index.ts';
import type { ExitStatus } from './processes.ts';

/** A child started the fast way. */
export interface QuickChild {
  readonly pid: number;
  /** Resolves when it has ended. Never rejects. */
  readonly exit: Promise<ExitStatus>;
  /** False when it has ended. Never hits a process that got the pid later. */
  kill(signal: NodeJS.Signals): boolean;
  /** Lets the daemon end while the child runs. */
  unref(): void;
}

let nullDevice: number | undefined;

/** A descriptor of /dev/null for children, kept open. */
export function devNull(): number {
  nullDevice ??= openSync('/dev/null', 'r+');
  return nullDevice;
}

/** Starts a program without copying the daemon: for what is started for every container. Throws `unavailable` when it is missing. */
export function startQuickly(request: SpawnRequest): QuickChild {
  const pid = startOrExplain(request);
  let running = true;
  // The child stays a zombie until it is reaped below, so its pid names it until then.
  const pidfd = openPidfd(pid) as number;
  let unref = () => {};
  const exit = new Promise<ExitStatus>((resolve) => {
    const handle = pollFd(pidfd, { readable: true }, () => {
      const status = reapChild(pid);
      if (status === undefined) return;
      running = false;
      handle.close();
      closeSync(pidfd);
      resolve(decodeStatus(status));
    });
    unref = () => handle.unref();
  });
  return { pid, exit, kill: (signal) => running && process.kill(pid, signal), unref: () => running && unref() };
}

function startOrExplain(request: SpawnRequest): number {
  try {
    return spawnChild(request);
  } catch (error) {
    const name = basename(request.program);
    if (errnoOf(error) === 'ENOENT') throw new GantryError('unavailable', `${name} is not installed`, { cause: error });
    throw new GantryError('internal', `Could not start ${name}`, { cause: error });
  }
}

const SIGNAL_NAMES = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name as NodeJS.Signals]));

/** wait(2)'s status word. */
function decodeStatus(status: number): ExitStatus {
  const signal = status & 0x7f;
  return signal === 0 ? { code: (status >> 8) & 0xff, signal: null } : { code: null, signal: SIGNAL_NAMES.get(signal) ?? 'SIGKILL' };
}
