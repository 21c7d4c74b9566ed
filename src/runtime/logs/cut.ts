import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { collapseStart } from '../../host/index.ts';
import type { RotationPolicy } from './rotate.ts';
import { fileState, listSegments, type Segment } from './segments.ts';

/** Logs are looked at once a second, so a file may pass its bound by what comes in a second: this much over all is let be. */
const SLACK = 1.25;
/** Bytes that are sooner copied than cut away in front of, and blocks of every file system. */
const SMALL = 1 << 20;
const NEWLINE = 10;

/** How many bytes of each file stay, so that all have at most `allowed`: the newest. Sizes are oldest first. Pure. */
export function planCut(sizes: readonly number[], allowed: number): number[] {
  let left = allowed;
  return sizes
    .toReversed()
    .map((size) => {
      const kept = Math.min(size, left);
      left -= kept;
      return kept;
    })
    .reverse();
}

/** What conmon may write to: nothing any more, the current file, or also the one that was renamed last, until it has opened a new one. */
export type Writing = 'none' | 'current' | 'renamed';

/**
 * Holds a log to its bound where rotation could not: it grew while the daemon was down, or by more in a second than a file may have. The oldest lines go.
 * What conmon may write to is left alone.
 */
export async function boundLog(directory: string, policy: RotationPolicy, writing: Writing): Promise<void> {
  const segments = await listSegments(directory);
  const sizes = await Promise.all(segments.map(async ({ path }) => (await fileState(path))?.size ?? 0));
  const allowed = policy.maximumSize * policy.maximumFiles;
  if (sizes.reduce((sum, size) => sum + size, 0) <= allowed * SLACK) return;
  const newest = Math.max(...segments.map(({ number }) => (number === Number.POSITIVE_INFINITY ? 0 : number)));
  const written = ({ number }: Segment) =>
    writing !== 'none' && (number === Number.POSITIVE_INFINITY || (writing === 'renamed' && number === newest));
  const kept = planCut(sizes, allowed);
  for (const [index, segment] of segments.entries())
    if (!written(segment)) await cut(segment, sizes[index] as number, kept[index] as number);
}

/** Keeps the last `kept` bytes, from the beginning of a line on. */
async function cut({ path }: Segment, size: number, kept: number): Promise<void> {
  if (kept === size) return;
  if (kept === 0) return await rm(path, { force: true });
  const gone = Math.floor((size - kept) / SMALL) * SMALL;
  if (kept > SMALL && gone > 0 && collapseStart(path, gone)) return await blankFirstLine(path);
  await copyEnd(path, size - kept);
}

/** The file begins in the middle of a line now. Empty lines are none to whoever reads. */
async function blankFirstLine(path: string): Promise<void> {
  await using file = await open(path, 'r+');
  const block = Buffer.alloc(SMALL);
  const { bytesRead } = await file.read(block, 0, SMALL, 0);
  const end = block.subarray(0, bytesRead).indexOf(NEWLINE);
  await file.write(Buffer.alloc(end < 0 ? bytesRead : end, NEWLINE), 0, undefined, 0);
}

async function copyEnd(path: string, from: number): Promise<void> {
  const temporary = `${path}.tmp`;
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(temporary, { force: true }));
  await pipeline(createReadStream(path, { start: from }), createWriteStream(temporary, { mode: 0o600 }));
  await blankFirstLine(temporary);
  await rename(temporary, path);
  undo.move();
}
