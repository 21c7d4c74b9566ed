import path from 'node:path/posix';
import { CommandFailure } from '../failure.ts';

/** One side of a copy. */
export interface Place {
  /** As given: a `/` or `/.` at its end means something. */
  readonly path: string;
  readonly exists: boolean;
  readonly isDirectory: boolean;
}

export interface CopyPlan {
  /** The folder to unpack in. */
  readonly folder: string;
  /** New name for the first part of entry names; undefined keeps them. */
  readonly name?: string;
}

const wantsDirectory = (given: string) => given.endsWith('/') || given.endsWith('/.') || given === '.';

/** `SRC/.` copies what is in the folder instead of the folder. */
export const contentOnly = (given: string) => given === '.' || given.endsWith('/.');

/**
 * Where the archive of `source` goes, by cp's rules: into an existing folder, over a file, or under a new name.
 * Throws `CommandFailure` when a folder would replace a file, or the folder named with a `/` does not exist.
 */
export function planCopy(source: Omit<Place, 'exists'>, destination: Place): CopyPlan {
  const clean = path.normalize(destination.path).replace(/(.)\/+$/, '$1');
  if (destination.exists && destination.isDirectory) return { folder: clean };
  if (destination.exists) {
    if (source.isDirectory) throw new CommandFailure('cannot copy directory');
    if (wantsDirectory(destination.path)) throw new CommandFailure('not a directory');
    return { folder: path.dirname(clean), name: path.basename(clean) };
  }
  if (!source.isDirectory && wantsDirectory(destination.path)) throw new CommandFailure('no such directory');
  return { folder: path.dirname(clean), name: path.basename(clean) };
}

/**
 * Renames the first part of an archive's names: `d/e` becomes `new/e`. Archives of "what is in the folder" have `.` or
 * nothing there. Undefined for the folder itself when it needs no entry.
 */
export function renamer(plan: CopyPlan, onlyContent: boolean): (name: string) => string | undefined {
  return (name) => {
    const parts = name.split('/').filter((part) => part !== '' && part !== '.');
    if (onlyContent) return plan.name === undefined ? parts.join('/') || '.' : [plan.name, ...parts].join('/');
    if (plan.name === undefined) return parts.join('/') || '.';
    return [plan.name, ...parts.slice(1)].join('/');
  };
}
