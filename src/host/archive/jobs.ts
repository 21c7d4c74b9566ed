import type { ErrorKind } from '../../base/index.ts';

/** What an archive worker can do. Each job is one message; bytes go through a ring. */
export type Job = UnpackJob | PackJob | RebuildJob | CopyJob | CaptureJob | ScanJob | PlaceJob | MeasureJob;

export interface UnpackJob {
  kind: 'unpack';
  root: string;
  /** Inside the root: where the tar's own root is. */
  path: string;
  /** Refuse to put a directory where something else is, and the other way round. */
  noOverwriteDirNonDir: boolean;
  /** Turns `.wh.` entries into what overlayfs understands. */
  whiteouts: boolean;
  /** Whether an entry for the tar's own root sets the attributes of the directory itself. */
  rootEntry: boolean;
  /** File to write the recipe to, by which `rebuild` makes the exact tar again; the tree must be nobody else's. */
  recipe?: string;
  /** Where what a later entry replaces is kept for the recipe. */
  displaced?: string;
  /** Of all entries, whatever the archive says. */
  owner?: { uid: number; gid: number };
}

export interface UnpackResult {
  entries: number;
  /** Bytes of file content; a symbolic link counts the length of its target, as lstat(2) says. */
  size: number;
}

export interface PackJob {
  kind: 'pack';
  root: string;
  path: string;
  /** Name of the topmost entry; with the empty name there is none, only what is in the directory. */
  name: string;
}

export interface RebuildJob {
  kind: 'rebuild';
  root: string;
  recipe: string;
  displaced: string;
  /** Descriptor to write to instead of the ring; the result is the digest of what was written then. */
  to?: number;
  /** With `to`: 8 bytes that always say how many were written. */
  count?: SharedArrayBuffer;
}

export interface CopyJob {
  kind: 'copy';
  root: string;
  source: string;
  target: string;
}

export interface CaptureJob {
  kind: 'capture';
  /** The upper tree of an overlay. */
  root: string;
  /** File to write the recipe to. */
  recipe: string;
  /** Empty directory to copy the files to; without it the tree itself is made to agree with the tar, to be moved. */
  copy?: string;
  /** Seconds since the epoch: no time in the layer is later. */
  latest?: number;
  /** A cell of 4 bytes: anything but 0 ends the work. */
  cancel: SharedArrayBuffer;
}

export interface CaptureResult {
  /** Digest of the tar. */
  diffId: string;
  entries: number;
  /** Bytes of file content, as in `UnpackResult`; what has several names counts once. */
  size: number;
  tarSize: number;
}

/** One file of a tree, as told to whoever copies it. */
export interface TreeEntry {
  /** From the top of what was listed, which is ''. */
  path: string;
  type: 'file' | 'directory' | 'symlink' | 'fifo' | 'character' | 'block' | 'socket';
  /** Permissions with set-id and sticky bits. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of content; 0 for all but files. */
  size: number;
  /** Nanoseconds since the epoch. */
  modified: bigint;
  /** Target of a symbolic link. */
  link?: string;
  device?: { major: number; minor: number };
  xattrs?: [string, Uint8Array][];
  /** Same for all names of one file; absent when it has one only. */
  inode?: string;
  /** SHA-256 of the content, 64 digits. */
  digest?: string;
  /** File on the host that has the content, from `offset` on; absent when it is in the source's root. */
  pack?: string;
  offset?: number;
  /** A directory that is there keeps its mode, owner and times. */
  onlyIfMissing?: boolean;
}

export interface ScanJob {
  kind: 'scan';
  root: string;
  /** Inside the root; a link at the end is told as a link. */
  path: string;
  digests: boolean;
  /** Only the topmost entry. */
  shallow: boolean;
}

export interface PlaceItem {
  /** Absolute path inside the root; with a '/' at the end it is a directory. */
  destination: string;
  /** What a file is called in a destination that is a directory. */
  name: string;
  /** Parents first; the first one is what is copied itself. */
  entries: readonly TreeEntry[];
  /** Where content is that is in no pack. */
  sourceRoot?: string;
  sourcePath: string;
}

export interface PlaceJob {
  kind: 'place';
  root: string;
  items: readonly PlaceItem[];
  /** Of all that is made; that of each entry when absent. */
  owner?: { uid: number; gid: number };
  /** Missing parents of a destination. */
  parents: { mode: number };
  /** A cell of 4 bytes: anything but 0 ends the work. */
  cancel: SharedArrayBuffer;
}

export interface MeasureJob {
  kind: 'measure';
  path: string;
}

export interface Request {
  id: number;
  job: Job;
  ring?: SharedArrayBuffer;
}

/** `wake`: the side of the ring on the event loop has work. */
export type Reply = { wake: true } | { id: number; result: unknown } | { id: number; failure: Failure };

/** An error on its way between threads. */
export interface Failure {
  kind: ErrorKind;
  message: string;
  code?: string;
}
