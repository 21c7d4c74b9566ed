import {
  type BigIntStats,
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs';
import { mknod, setTimes, setXattr } from '../../kernel/index.ts';
import { openInRoot } from '../../rooted.ts';
import type { CopyJob } from '../jobs.ts';
import { readXattrs } from './attributes.ts';
import { deviceOf } from './pack.ts';

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** Copies what is in one directory into another one, with owners, modes, times, attributes, links and devices. */
export function copyTree(job: CopyJob): void {
  const source = openInRoot(job.root, job.source, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const target = openSync(job.target, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      copyChildren(source, target, new Map());
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(source);
  }
}

/** `links`: where the first name of each file with several went. */
function copyChildren(source: number, target: number, links: Map<string, string>): void {
  for (const name of readdirSync(`/proc/self/fd/${source}`))
    copyEntry(`/proc/self/fd/${source}/${name}`, `/proc/self/fd/${target}/${name}`, links);
}

function copyEntry(from: string, to: string, links: Map<string, string>): void {
  const stat = lstatSync(from, { bigint: true });
  if (stat.isSocket()) return;
  if (stat.isDirectory()) {
    mkdirSync(to, { recursive: true, mode: 0o700 });
    const source = openSync(from, DIRECTORY);
    const target = openSync(to, DIRECTORY);
    try {
      copyChildren(source, target, links);
    } finally {
      closeSync(source);
      closeSync(target);
    }
  } else if (!copyLeaf(from, to, stat, links)) return;
  copyAttributes(from, to, stat);
}

/** False when it became one more name of a file that is there, attributes and all. */
function copyLeaf(from: string, to: string, stat: BigIntStats, links: Map<string, string>): boolean {
  const key = `${stat.dev}:${stat.ino}`;
  const first = stat.nlink > 1n ? links.get(key) : undefined;
  if (first !== undefined) {
    linkSync(first, to);
    return false;
  }
  if (stat.isSymbolicLink()) symlinkSync(readlinkSync(from), to);
  else if (stat.isFile()) copyFileSync(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  else mknod(to, Number(stat.mode), deviceOf(Number(stat.rdev)));
  if (stat.nlink > 1n) links.set(key, realName(to));
  return true;
}

/** The descriptor in `entry` will be closed before the name is needed again. */
function realName(entry: string): string {
  const slash = entry.lastIndexOf('/');
  return readlinkSync(entry.slice(0, slash)) + entry.slice(slash);
}

function copyAttributes(from: string, to: string, stat: BigIntStats): void {
  lchownSync(to, Number(stat.uid), Number(stat.gid));
  if (!stat.isSymbolicLink()) chmodSync(to, Number(stat.mode) & 0o7777);
  if (stat.isFile() || stat.isDirectory()) for (const [name, value] of readXattrs(from)) setXattr(to, name, value);
  setTimes(to, stat.atimeNs, stat.mtimeNs);
}
