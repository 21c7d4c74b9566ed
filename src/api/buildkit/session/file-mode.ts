/** Go's FileMode, in which clients tell what a file is: permissions as in Unix, the rest in bits of its own. */
const DIRECTORY = 0x80000000;
const SYMLINK = 0x08000000;
const DEVICE = 0x04000000;
const FIFO = 0x02000000;
const SOCKET = 0x01000000;
const SET_USER = 0x00800000;
const SET_GROUP = 0x00400000;
const CHARACTER = 0x00200000;
const STICKY = 0x00100000;

export type FileKind = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'block' | 'character';

const has = (mode: number, bit: number) => Math.floor(mode / bit) % 2 === 1;

export function kindOfMode(mode: number): FileKind {
  if (has(mode, DIRECTORY)) return 'directory';
  if (has(mode, SYMLINK)) return 'symlink';
  if (has(mode, DEVICE)) return has(mode, CHARACTER) ? 'character' : 'block';
  if (has(mode, FIFO)) return 'fifo';
  return has(mode, SOCKET) ? 'socket' : 'file';
}

/** 0 to 07777. */
export function permissionsOfMode(mode: number): number {
  const special = (has(mode, SET_USER) ? 0o4000 : 0) + (has(mode, SET_GROUP) ? 0o2000 : 0) + (has(mode, STICKY) ? 0o1000 : 0);
  return (mode % 0o1000) + special;
}

const KIND_BITS: Readonly<Record<FileKind, number>> = {
  file: 0,
  directory: DIRECTORY,
  symlink: SYMLINK,
  fifo: FIFO,
  socket: SOCKET,
  block: DEVICE,
  character: DEVICE + CHARACTER,
};

export function goMode(kind: FileKind, permissions: number): number {
  const special =
    ((permissions & 0o4000) === 0 ? 0 : SET_USER) +
    ((permissions & 0o2000) === 0 ? 0 : SET_GROUP) +
    ((permissions & 0o1000) === 0 ? 0 : STICKY);
  return KIND_BITS[kind] + special + (permissions & 0o777);
}
