/** What an entry of a tar is (POSIX.1-2017 pax; type flags). */
export type TarEntryType = 'file' | 'hardLink' | 'symbolicLink' | 'character' | 'block' | 'directory' | 'fifo';

/** The decoded header of one entry; names are as written in the archive, not yet checked for anything. */
export interface TarHeader {
  type: TarEntryType;
  name: string;
  /** Target of a link. */
  link: string;
  /** Permission bits with setuid, setgid and sticky. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of content that follow; 0 for all but files. */
  size: number;
  /** Nanoseconds since the epoch. */
  modified: bigint;
  device: { major: number; minor: number };
  /** From SCHILY.xattr.* records; by name without that prefix. */
  xattrs: ReadonlyMap<string, Uint8Array>;
  uname: string;
  gname: string;
}

export const BLOCK = 512;
/** Bytes to add after `size` bytes of content, up to a whole block. */
export const paddingOf = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;

/** Type flags, as characters. */
export const FLAGS: Readonly<Record<TarEntryType, string>> = {
  file: '0',
  hardLink: '1',
  symbolicLink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};
export const XATTR_PREFIX = 'SCHILY.xattr.';
/** Where the fields of a header block are: offset and length. */
export const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  modified: [136, 12],
  checksum: [148, 8],
  flag: [156, 1],
  link: [157, 100],
  magic: [257, 8],
  uname: [265, 32],
  gname: [297, 32],
  major: [329, 8],
  minor: [337, 8],
  prefix: [345, 155],
} as const;

/** The sum of all bytes of a block, its checksum field counted as spaces. */
export function checksumOf(block: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < BLOCK; i += 1) sum += block[i] as number;
  for (let i = 148; i < 156; i += 1) sum += 32 - (block[i] as number);
  return sum;
}
