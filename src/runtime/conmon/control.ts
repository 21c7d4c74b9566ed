import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { conflict, errnoOf, GantryError } from '../../base/index.ts';

/** conmon refuses anything larger. */
const LARGEST_SIDE = 1000;

/** Gives the terminal of the process behind `bundle` another size. Fails with `conflict` when its monitor is gone. */
export function resizeTerminal(bundle: string, size: { rows: number; columns: number }): Promise<void> {
  const clamp = (side: number) => Math.max(0, Math.min(LARGEST_SIDE, Math.trunc(side)));
  return send(bundle, `1 ${clamp(size.rows)} ${clamp(size.columns)}\n`);
}

/** Makes conmon write to a new log file; the old one must have been renamed before. */
export function reopenLog(bundle: string): Promise<void> {
  return send(bundle, '2 0 0\n');
}

/** The monitor's control pipe: lines of `type a b` (conmon, ctrl.c). */
async function send(bundle: string, line: string): Promise<void> {
  const file = join(bundle, 'ctl');
  try {
    const pipe = await open(file, constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      await pipe.write(line);
    } finally {
      await pipe.close();
    }
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT' || code === 'ENXIO' || code === 'ENOTDIR')
      throw conflict('no monitor is there to take this: the process has ended');
    throw new GantryError('internal', `Could not write to the monitor's control pipe ${file}`, { cause: error });
  }
}
