import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CURRENT, fileState, listSegments, rotatedPath } from './segments.ts';

export interface RotationPolicy {
  /** Bytes. */
  maximumSize: number;
  maximumFiles: number;
}

/** What happened, so that the caller can tell a rotation that conmon has not followed yet. */
export type RotationResult = 'unchanged' | 'reopening';

/**
 * Rotates a log that has grown beyond its bound. `reopen` makes conmon open a new current file: until it has done so it
 * goes on writing to the renamed one, so that no line is lost. A second request before conmon has followed the first
 * (`reopening`) would replace a file that has lines already, so it is not sent. What a killed daemon left half done is finished.
 */
export async function rotateIfNeeded(
  directory: string,
  policy: RotationPolicy,
  reopening: boolean,
  reopen: () => Promise<void>,
): Promise<RotationResult> {
  const current = join(directory, CURRENT);
  const state = await fileState(current);
  const rotated = (await listSegments(directory)).filter((segment) => segment.number !== Number.POSITIVE_INFINITY);
  if (!state) {
    if (rotated.length === 0) return 'unchanged';
    if (!reopening) await reopen();
    return 'reopening';
  }
  for (const segment of rotated.slice(0, Math.max(0, rotated.length - (policy.maximumFiles - 1)))) await rm(segment.path, { force: true });
  if (state.size < policy.maximumSize) return 'unchanged';
  await rename(current, rotatedPath(directory, (rotated.at(-1)?.number ?? 0) + 1));
  await reopen();
  return 'reopening';
}

/** Bytes on disk of all files of a log. */
export async function logBytes(directory: string): Promise<number> {
  let bytes = 0;
  for (const segment of await listSegments(directory)) bytes += (await fileState(segment.path))?.disk ?? 0;
  return bytes;
}

export async function removeLog(directory: string): Promise<void> {
  for (const segment of await listSegments(directory)) await rm(segment.path, { force: true });
  await rm(join(directory, `${CURRENT}.tmp`), { force: true });
}
