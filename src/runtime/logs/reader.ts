import { type FSWatcher, watch } from 'node:fs';
import type { Clock } from '../../base/index.ts';
import { formatNanoseconds } from '../../base/index.ts';
import type { LogRequest } from '../runtime.ts';
import { LogCursor } from './cursor.ts';
import { LogFramer } from './framer.ts';
import { fileState, listSegments } from './segments.ts';
import { findTail } from './tail.ts';

/** After output, look again this soon (milliseconds): cheaper than one kernel event for each write. */
const BUSY_INTERVAL = 4;
/** A log without news for this long is waited for by the kernel's events. */
const QUIET_AFTER = 40;
/** Without events of the kernel, look this often. */
const BLIND_INTERVAL = 100;
/** Should an event be lost, look at least this often. */
const LONGEST_WAIT = 2000;

/** Tells a follower whether more may come. */
export interface LogSource {
  /** False once the container's process has ended and conmon has written its last line. */
  live(): boolean;
  /** Calls back when `live` changes; returns how to stop that. */
  onChange(listener: () => void): () => void;
}

/** A log in framed chunks, from the tail or since a moment, and on as it grows. Ends when the container does. */
export async function* readLog(
  directory: string,
  request: LogRequest,
  source: LogSource,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const framer = new LogFramer({
    framing: request.framing,
    stdout: request.stdout,
    stderr: request.stderr,
    timestamps: request.timestamps,
    detailsPrefix: request.detailsPrefix === undefined ? '' : `${request.detailsPrefix} `,
    since: instant(request.since),
    until: instant(request.until),
  });
  await using cursor = new LogCursor(directory);
  await begin(cursor, directory, request);
  let lastNews = clock.now();
  for (;;) {
    // Asked before reading: what was written before the end is then surely read.
    const live = request.follow && source.live();
    for (let lines = await cursor.read(); lines; lines = await cursor.read()) {
      if (signal.aborted) return;
      const chunk = framer.frame(lines);
      if (chunk.length > 0) yield chunk;
      if (framer.done) return;
      lastNews = clock.now();
    }
    if ((await cursor.advance()) !== 'none') continue;
    if (!live || signal.aborted || isPast(request.until, clock)) return;
    if (clock.now() - lastNews < QUIET_AFTER) await clock.sleep(BUSY_INTERVAL);
    else if (await waitForNews(directory, source, clock, remaining(request.until, clock), signal, cursor)) lastNews = clock.now();
  }
}

async function begin(cursor: LogCursor, directory: string, request: LogRequest): Promise<void> {
  const segments = await listSegments(directory);
  if (request.tail !== undefined) {
    const from = await findTail(segments, request.tail, request);
    if (from && (await cursor.enter(from.segment, from.position))) return;
  } else if (request.since !== undefined) {
    for (const segment of segments) {
      const state = await fileState(segment.path);
      if (state && state.modified >= request.since && (await cursor.enter(segment))) return;
    }
  }
  await cursor.advance();
}

/** Resolves at the next write, rotation, end of the container, or after a while. True when something was seen. */
function waitForNews(
  directory: string,
  source: LogSource,
  clock: Clock,
  longest: number,
  signal: AbortSignal,
  cursor: LogCursor,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let settled = false;
    const finish = (seen: boolean) => {
      if (settled) return;
      settled = true;
      watcher?.close();
      cancelTimer();
      forget();
      signal.removeEventListener('abort', stop);
      resolve(seen);
    };
    const stop = () => finish(false);
    const watcher = tryWatch(directory, () => finish(true));
    const cancelTimer = clock.later(Math.min(longest, watcher ? LONGEST_WAIT : BLIND_INTERVAL), stop);
    const forget = source.onChange(() => finish(true));
    signal.addEventListener('abort', stop, { once: true });
    // Something may have been written between the last read and the watch.
    cursor.hasMore().then((more) => {
      if (more || !source.live() || signal.aborted) finish(true);
    }, reject);
  });
}

/** Undefined where the kernel's limit on watches is reached. */
function tryWatch(directory: string, onChange: () => void): FSWatcher | undefined {
  try {
    return watch(directory, { persistent: false }, onChange).on('error', onChange);
  } catch {
    return undefined;
  }
}

function instant(nanoseconds: bigint | undefined): string {
  return nanoseconds === undefined ? '' : formatNanoseconds(nanoseconds).slice(0, 29);
}

function remaining(until: bigint | undefined, clock: Clock): number {
  return until === undefined ? LONGEST_WAIT : Math.max(1, Number(until / 1_000_000n) - clock.now() + 1);
}

function isPast(until: bigint | undefined, clock: Clock): boolean {
  return until !== undefined && BigInt(clock.now()) * 1_000_000n > until;
}
