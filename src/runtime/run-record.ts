import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, GantryError } from '../base/index.ts';

/** What a later daemon must know of a run that it cannot read from the kernel. Kept beside the bundle. */
export interface RunRecord {
  id: string;
  runtime: string;
  cgroup: string;
  tty: boolean;
  openStdin: boolean;
  stdinOnce: boolean;
  /** The first word of the command, for messages. */
  command: string;
  /** `maximumSize` is null where there is no bound: JSON knows no infinity. */
  log: { enabled: boolean; maximumSize: number; maximumFiles: number };
  monitor: { pid: number; startTime: number };
  /** How many descriptors the monitor holds for a later daemon. */
  held?: number;
  /** Absent until the process exists. */
  process?: { pid: number; startTime: number };
}

const FILE = 'run.json';

export function writeRunRecord(directory: string, record: RunRecord): void {
  // Renamed into place: a daemon that dies in between leaves the record before.
  writeFileSync(join(directory, `${FILE}.new`), JSON.stringify(record), { mode: 0o600 });
  renameSync(join(directory, `${FILE}.new`), join(directory, FILE));
}

/** Undefined when there is none: then nothing of the run was made but its directory. */
export function readRunRecord(directory: string): RunRecord | undefined {
  let text: string;
  try {
    text = readFileSync(join(directory, FILE), 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined;
    throw new GantryError('internal', `Could not read the run record in ${directory}`, { cause: error });
  }
  try {
    const record = JSON.parse(text) as RunRecord;
    return { ...record, log: { ...record.log, maximumSize: record.log.maximumSize ?? Number.POSITIVE_INFINITY } };
  } catch (error) {
    throw new GantryError('internal', `The run record in ${directory} is damaged`, { cause: error });
  }
}
