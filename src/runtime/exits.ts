import { existsSync, type FSWatcher, mkdirSync, readdirSync, readFileSync, rmSync, statSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, formatNanoseconds, GantryError } from '../base/index.ts';
import type { RuntimePaths } from './paths.ts';

/** What conmon left behind: the exit code, and when it was written in nanoseconds since the epoch. */
export interface ExitFile {
  exitCode: number;
  finishedAt: string;
}

/** Undefined while the process runs. */
export function readExitFile(paths: RuntimePaths, id: string): ExitFile | undefined {
  try {
    const code = Number(readFileSync(paths.exit(id), 'utf8').trim());
    const { mtimeNs } = statSync(paths.exit(id), { bigint: true });
    return { exitCode: Number.isInteger(code) && code >= 0 ? code & 255 : 255, finishedAt: formatNanoseconds(mtimeNs) };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw new GantryError('internal', `Could not read the exit file of container ${id}`, { cause: error });
  }
}

/** For a process whose monitor is gone and cannot tell. */
export function writeExitFile(paths: RuntimePaths, id: string, exitCode: number): void {
  writeFileSync(paths.exit(id), String(exitCode));
}

/** conmon saw the kernel's out-of-memory killer at work. */
export function sawOutOfMemory(paths: RuntimePaths, id: string): boolean {
  return existsSync(join(paths.run(id), 'oom'));
}

/** Drops exit files of runs that are gone. */
export function sweepExitFiles(paths: RuntimePaths): void {
  for (const name of readdirSync(paths.exits)) if (!existsSync(paths.run(name))) rmSync(paths.exit(name), { force: true });
}

/** Calls back with the id of every container for which an exit file appears. */
export function watchExitFiles(paths: RuntimePaths, onExit: (id: string) => void): FSWatcher {
  mkdirSync(paths.exits, { recursive: true, mode: 0o700 });
  const watcher = watch(paths.exits, { persistent: false }, (_event, name) => {
    // conmon writes a temporary file first and renames it: its name has a suffix.
    if (name !== null && !name.includes('.') && existsSync(paths.exit(name))) onExit(name);
  });
  return watcher;
}
