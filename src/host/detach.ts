import { constants, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path/posix';
import { O_PATH } from './kernel/index.ts';
import { unmount } from './mounts.ts';

const MAX_STACKED = 16;

/** Whether another file system shows at `path` than in the directory above: two cheap calls, however many mounts there are. */
export function isMounted(path: string): boolean {
  const here = statSync(path, { throwIfNoEntry: false });
  return here !== undefined && here.dev !== statSync(dirname(path)).dev;
}

/**
 * Takes an overlay off its place at once. Overlayfs writes its whole underlying file system back when it ends, which may take
 * seconds: so what results are descriptors that keep it, to be closed when nobody waits (`Trash.letGo`).
 */
export async function detach(path: string): Promise<number[]> {
  const held: number[] = [];
  for (let turns = 0; turns < MAX_STACKED && isMounted(path); turns += 1) {
    held.push(openSync(path, O_PATH | constants.O_DIRECTORY));
    // Lazily: something may still have a file open in there, which must not keep the mount from going.
    await unmount(path, { lazy: true });
  }
  return held;
}
