import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../../base/index.ts';

/** The file that conmon writes to. */
export const CURRENT = 'container.log';
const ROTATED = /^container\.log\.(\d{8,})$/;

/** One file of a container's log. The current one has no number; rotated ones count up. */
export interface Segment {
  path: string;
  /** Infinity for the current one, so that segments sort by age. */
  number: number;
}

/** Oldest first; empty when the container never logged. */
export async function listSegments(directory: string): Promise<Segment[]> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
  const segments: Segment[] = [];
  for (const name of names) {
    const match = ROTATED.exec(name);
    if (match) segments.push({ path: join(directory, name), number: Number(match[1]) });
    else if (name === CURRENT) segments.push({ path: join(directory, name), number: Number.POSITIVE_INFINITY });
  }
  return segments.sort((a, b) => a.number - b.number);
}

export function rotatedPath(directory: string, number: number): string {
  return join(directory, `${CURRENT}.${String(number).padStart(8, '0')}`);
}

/** The state of `path`, with its bytes on disk; undefined when it is not there. */
export async function fileState(path: string): Promise<{ size: number; disk: number; inode: bigint; modified: bigint } | undefined> {
  try {
    const stats = await stat(path, { bigint: true });
    return { size: Number(stats.size), disk: Number(stats.blocks) * 512, inode: stats.ino, modified: stats.mtimeNs };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
