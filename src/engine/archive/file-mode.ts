import type { Stats } from 'node:fs';

const GO_DIRECTORY = 2 ** 31;
const GO_SYMLINK = 2 ** 27;
const GO_DEVICE = 2 ** 26;
const GO_NAMED_PIPE = 2 ** 25;
const GO_SOCKET = 2 ** 24;
const GO_SETUID = 2 ** 23;
const GO_SETGID = 2 ** 22;
const GO_CHARACTER_DEVICE = 2 ** 21;
const GO_STICKY = 2 ** 20;

/** The mode as Go's os.FileMode writes it (io/fs, FileMode), which the path-stat header carries. */
export function goFileMode(stats: Stats): number {
  let mode = stats.mode & 0o777;
  if (stats.isDirectory()) mode += GO_DIRECTORY;
  if (stats.isSymbolicLink()) mode += GO_SYMLINK;
  if (stats.isBlockDevice()) mode += GO_DEVICE;
  if (stats.isCharacterDevice()) mode += GO_DEVICE + GO_CHARACTER_DEVICE;
  if (stats.isFIFO()) mode += GO_NAMED_PIPE;
  if (stats.isSocket()) mode += GO_SOCKET;
  if (stats.mode & 0o4000) mode += GO_SETUID;
  if (stats.mode & 0o2000) mode += GO_SETGID;
  if (stats.mode & 0o1000) mode += GO_STICKY;
  return mode;
}
