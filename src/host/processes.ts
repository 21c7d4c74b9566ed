import { spawn as nodeSpawn } from 'node:child_process';
import { closeSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { errnoOf, GantryError } from '../base/index.ts';
import { openPidfd, signalPidfd } from './kernel/index.ts';

export interface RunOptions {
  /** Written to the standard input, which is then closed. Without it, standard input is /dev/null. */
  input?: string | Uint8Array;
  cwd?: string;
  /** The whole environment of the child; the daemon's own when absent. */
  env?: Record<string, string>;
  /** Aborting kills the child (SIGKILL) and rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Milliseconds after which the child is killed and the call fails. */
  timeout?: number;
  /** Resolve with a non-zero code instead of rejecting. */
  allowFailure?: boolean;
  /** Bytes of each output stream that are kept (default 16 MiB); more is an error. */
  maxOutput?: number;
}

export interface RunResult {
  /** The exit code; 128 + signal number when a signal ended the child. */
  code: number;
  stdout: string;
  stderr: string;
}

/** Linux' overflow user, who owns nothing. */
const NOBODY = 65534;
const DEFAULT_MAX_OUTPUT = 16 * 1024 * 1024;
const TAIL_CHARACTERS = 2000;

/** What to tell when `command` could not be started at all. */
function startFailure(command: string, cwd: string | undefined, error: unknown): GantryError {
  const name = path.basename(command);
  if (errnoOf(error) !== 'ENOENT') return new GantryError('internal', `Could not start ${name}`, { cause: error });
  if (cwd !== undefined && !existsSync(cwd))
    return new GantryError('internal', `Could not start ${name}: the directory ${cwd} does not exist`, { cause: error });
  return new GantryError('unavailable', `${name} is not installed`, {
    cause: error,
    hint: `Install ${name}, or put it on the daemon's PATH`,
  });
}

/**
 * Runs `command` to its end, never through a shell.
 * A non-zero exit is an `internal` error that names the command and ends with the tail of its standard error;
 * a missing program is `unavailable`.
 */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const { signal, input, maxOutput = DEFAULT_MAX_OUTPUT } = options;
    if (signal?.aborted) return reject(signal.reason);
    const child = nodeSpawn(command, args, {
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: options.env }),
    });
    let failure: unknown;
    const stop = (why: unknown) => {
      failure ??= why;
      child.kill('SIGKILL');
    };
    const onAbort = () => stop(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer =
      options.timeout === undefined
        ? undefined
        : setTimeout(
            () => stop(new GantryError('internal', `${describeCommand(command, args)} did not end within ${options.timeout} ms`)),
            options.timeout,
          );
    const tooMuch = () => stop(new GantryError('internal', `${describeCommand(command, args)} wrote more than ${maxOutput} bytes`));
    const stdout = collect(child.stdout, maxOutput, tooMuch);
    const stderr = collect(child.stderr, maxOutput, tooMuch);
    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    child.on('error', (error) => {
      // 'error' also tells of a kill that failed; only a child without a pid never started.
      if (child.pid !== undefined) return;
      settle();
      reject(startFailure(command, options.cwd, error));
    });
    child.on('close', (exitCode, exitSignal) => {
      if (child.pid === undefined) return;
      settle();
      const code = exitCode ?? 128 + (exitSignal ? constants.signals[exitSignal] : 0);
      const result = { code, stdout: stdout(), stderr: stderr() };
      if (failure !== undefined) reject(failure);
      else if (code !== 0 && !options.allowFailure) reject(exitFailure(command, args, result));
      else resolve(result);
    });
    if (child.stdin) {
      // A child that ends without reading its input is judged by its exit code, not by EPIPE.
      child.stdin.on('error', () => {});
      child.stdin.end(input);
    }
  });
}

function collect(stream: Readable | null, limit: number, tooMuch: () => void): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream?.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > limit) tooMuch();
    else chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString('utf8');
}

function describeCommand(command: string, args: readonly string[]): string {
  const text = [path.basename(command), ...args].join(' ');
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

function exitFailure(command: string, args: readonly string[], result: RunResult): GantryError {
  const said = (result.stderr.trim() || result.stdout.trim()).slice(-TAIL_CHARACTERS);
  return new GantryError('internal', `${describeCommand(command, args)} failed with exit code ${result.code}${said ? `: ${said}` : ''}`);
}

/** One slot of a child's descriptors: a descriptor number of ours, a new pipe, the same as ours, or /dev/null. */
export type Stdio = number | 'pipe' | 'overlapped' | 'inherit' | 'ignore';

export interface SpawnOptions {
  /** Slot N becomes descriptor N of the child. Default: three times 'ignore'. */
  stdio?: readonly Stdio[];
  env?: Record<string, string>;
  cwd?: string;
  /** Own session and process group (setsid), so that the child outlives us. */
  detached?: boolean;
  /** Without any right of ours (65534): for programs that only turn bytes into bytes. */
  nobody?: boolean;
}

export interface ExitStatus {
  /** The exit code; null when a signal ended the child. */
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Spawned {
  readonly pid: number;
  /** Resolves when the child has ended (its streams may still hold data). Never rejects. */
  readonly exit: Promise<ExitStatus>;
  /** The parent's ends of the 'pipe' slots, by slot number; null for the others. */
  readonly stdio: readonly (Readable | Writable | null | undefined)[];
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  kill(signal: NodeJS.Signals | number): boolean;
  /** Lets the daemon end while the child runs. */
  unref(): void;
}

/** Starts `command` without a shell. Throws `unavailable` when the program is missing. */
export function spawn(command: string, args: readonly string[], options: SpawnOptions = {}): Promise<Spawned> {
  const child = nodeSpawn(command, args, {
    stdio: [...(options.stdio ?? ['ignore', 'ignore', 'ignore'])],
    detached: options.detached ?? false,
    ...(options.nobody && process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  const { pid } = child;
  if (pid === undefined) {
    return new Promise((_, reject) => {
      child.on('error', (error) => reject(startFailure(command, options.cwd, error)));
    });
  }
  child.on('error', () => {});
  const exit = new Promise<ExitStatus>((resolve) => {
    child.on('exit', (code, signal) => resolve({ code, signal }));
  });
  return Promise.resolve({
    pid,
    exit,
    stdio: child.stdio,
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    kill: (signal) => child.kill(signal),
    unref: () => child.unref(),
  });
}

/** The absolute path of `name` on PATH (and in the sbin folders), or undefined. */
export function which(name: string, searchPath: string = process.env['PATH'] ?? ''): string | undefined {
  if (name.includes('/')) return isExecutable(name) ? path.resolve(name) : undefined;
  for (const folder of [...searchPath.split(':'), '/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']) {
    if (folder !== '' && isExecutable(path.join(folder, name))) return path.join(folder, name);
  }
  return undefined;
}

function isExecutable(file: string): boolean {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat?.isFile() === true && (stat.mode & 0o111) !== 0;
}

/** Sends a signal; false when there is no such process. A negative pid means its process group. */
export function signalProcess(pid: number, signal: NodeJS.Signals | number): boolean {
  if (!Number.isInteger(pid) || pid === 0 || pid === -1) throw new GantryError('internal', `Refusing to signal pid ${pid}`);
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return false;
    throw new GantryError('internal', `Could not send ${signal} to process ${pid}`, { cause: error });
  }
}

/** Of `pid` and its descendants, those that have no children themselves; empty when it has ended. */
export function leavesOf(pid: number): number[] {
  const children = childrenOf(pid);
  if (children === undefined) return [];
  return children.length === 0 ? [pid] : children.flatMap(leavesOf);
}

/** Undefined when there is no such process (any more). */
function childrenOf(pid: number): number[] | undefined {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.flatMap((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ESRCH') return undefined;
    throw error;
  }
}

/** True while `pid` runs. A zombie has ended, so it does not count. */
export function processExists(pid: number): boolean {
  const fields = statFields(pid);
  return fields !== undefined && fields[0] !== 'Z' && fields[0] !== 'X';
}

/** When `pid` started, in clock ticks since boot (/proc/PID/stat, field 22): with the pid it names one process for ever. */
export function processStartTime(pid: number): bigint | undefined {
  const field = statFields(pid)?.[19];
  return field === undefined ? undefined : BigInt(field);
}

/** The fields of /proc/PID/stat from the third (state) on. The second may hold spaces and brackets, so it is skipped. */
function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text
      .slice(text.lastIndexOf(')') + 2)
      .trimEnd()
      .split(' ');
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}

/**
 * Sends a signal only when `pid` is still the process that started at `startTime` (see processStartTime).
 * False when it has ended. A pidfd is held between the check and the signal, so that a reused pid is never hit.
 */
export function signalIfSame(pid: number, startTime: bigint, signal: NodeJS.Signals | number): boolean {
  const pidfd = openPidfd(pid);
  if (pidfd === undefined) return false;
  try {
    if (processStartTime(pid) !== startTime) return false;
    return signalPidfd(pidfd, typeof signal === 'number' ? signal : constants.signals[signal]);
  } finally {
    closeSync(pidfd);
  }
}
