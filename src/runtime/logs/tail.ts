import { open } from 'node:fs/promises';
import { errnoOf } from '../../base/index.ts';
import type { Segment } from './segments.ts';

const CHUNK = 128 * 1024;
const NEWLINE = 10;
const TAG = 43;
const STREAM = 39;
const F = 0x46;
const LETTER_O = 0x6f;

export interface TailPosition {
  segment: Segment;
  position: number;
}

/**
 * Where the newest `lines` lines of the program begin, found by reading backwards. Parts of a line count as one.
 * Undefined when the log has no more than that: begin at its start.
 */
export async function findTail(
  segments: readonly Segment[],
  lines: number,
  wanted: { stdout: boolean; stderr: boolean },
): Promise<TailPosition | undefined> {
  let missing = lines;
  /** Parts at the very end, without the end of their line, are a line as well. */
  let newest = true;
  for (const segment of [...segments].reverse()) {
    const position = await scan(segment, (line) => {
      const known = line.length > TAG;
      const counted = known && (line[STREAM] === LETTER_O ? wanted.stdout : wanted.stderr) && (line[TAG] === F || newest);
      if (known && counted) {
        newest = false;
        if (missing === 0) return true;
        missing -= 1;
      }
      return false;
    });
    if (position !== undefined) return { segment, position };
  }
  return undefined;
}

/** Calls `stop` with each complete line from the last to the first; the position after the line at which it said true. */
async function scan(segment: Segment, stop: (line: Buffer) => boolean): Promise<number | undefined> {
  await using file = await open(segment.path, 'r').catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (!file) return undefined;
  let start = (await file.stat()).size;
  /** What was read but begins before its line's start. */
  let carried: Buffer = Buffer.alloc(0);
  let complete = false;
  while (start > 0) {
    const length = Math.min(CHUNK, start);
    const block = Buffer.alloc(length + carried.length);
    await file.read(block, 0, length, start - length);
    block.set(carried, length);
    start -= length;
    let end = block.length;
    if (!complete) {
      // What follows the last newline is still being written.
      end = block.lastIndexOf(NEWLINE) + 1;
      if (end === 0) {
        carried = block;
        continue;
      }
      complete = true;
    }
    for (
      let before = end > 1 ? block.lastIndexOf(NEWLINE, end - 2) : -1;
      before >= 0;
      before = before > 0 ? block.lastIndexOf(NEWLINE, before - 1) : -1
    ) {
      if (stop(block.subarray(before + 1, end))) return start + end;
      end = before + 1;
    }
    carried = Buffer.from(block.subarray(0, end));
  }
  return complete && carried.length > 0 && stop(carried) ? carried.length : undefined;
}
