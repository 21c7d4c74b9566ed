import { inflateRawSync } from 'node:zlib';

/** Where an archive's bytes are: in memory, or in a file that is read by pieces. */
export interface Bytes {
  size: number;
  /** Fewer where the archive ends before. */
  read(offset: number, length: number): Buffer;
}

export interface ZipEntry {
  name: string;
  /** At most `limit` bytes, unpacked. Fails when there are more. */
  read(limit: number): Buffer;
}

const END_MARK = 0x06054b50;
const END_SIZE = 22;
const LARGE_END_MARK = 0x06064b50;
const LOCATOR_SIZE = 20;
const ENTRY_MARK = 0x02014b50;
const ENTRY_SIZE = 46;
const LOCAL_SIZE = 30;
const MOST_COMMENT = 65_535;
const MOST_DIRECTORY = 256 * 1024 * 1024;
/** What stands in a field of 32 bits whose value is in the entry's zip64 part. */
const LARGE = 0xffffffff;
const LARGE_PART = 1;
const STORED = 0;
const DEFLATED = 8;

export function bytesOf(buffer: Buffer): Bytes {
  return { size: buffer.length, read: (offset, length) => buffer.subarray(offset, offset + length) };
}

/** Entries of a zip archive's central directory (APPNOTE 6.3, zip64 too); nothing when it is not one. Fails when it is damaged. */
export function* zipEntries(archive: Bytes): Generator<ZipEntry> {
  const end = findDirectory(archive);
  if (end === undefined) return;
  if (end.length > MOST_DIRECTORY) throw new Error(`its central directory has ${end.length} bytes, more than ${MOST_DIRECTORY}`);
  const directory = archive.read(end.offset, end.length);
  for (let at = 0, i = 0; i < end.count; i += 1) {
    if (at + ENTRY_SIZE > directory.length || directory.readUInt32LE(at) !== ENTRY_MARK)
      throw new Error('its central directory is damaged');
    const [nameLength, extraLength, commentLength] = [
      directory.readUInt16LE(at + 28),
      directory.readUInt16LE(at + 30),
      directory.readUInt16LE(at + 32),
    ];
    const name = directory.toString('utf8', at + ENTRY_SIZE, at + ENTRY_SIZE + nameLength);
    const extra = directory.subarray(at + ENTRY_SIZE + nameLength, at + ENTRY_SIZE + nameLength + extraLength);
    const [unpacked, packed, local] = widen(extra, [
      directory.readUInt32LE(at + 24),
      directory.readUInt32LE(at + 20),
      directory.readUInt32LE(at + 42),
    ]);
    const place = { name, method: directory.readUInt16LE(at + 10), packed: packed ?? 0, local: local ?? 0, unpacked: unpacked ?? 0 };
    yield { name, read: (limit) => unpack(archive, place, limit) };
    at += ENTRY_SIZE + nameLength + extraLength + commentLength;
  }
}

/** Where the central directory is. */
function findDirectory(archive: Bytes): { count: number; offset: number; length: number } | undefined {
  const start = Math.max(0, archive.size - END_SIZE - MOST_COMMENT);
  const tail = archive.read(start, archive.size - start);
  for (let at = tail.length - END_SIZE; at >= 0; at -= 1) {
    if (tail.readUInt32LE(at) !== END_MARK) continue;
    const found = { count: tail.readUInt16LE(at + 10), length: tail.readUInt32LE(at + 12), offset: tail.readUInt32LE(at + 16) };
    if (found.count !== 0xffff && found.offset !== LARGE && found.length !== LARGE) return found;
    return findLargeDirectory(archive, start + at) ?? found;
  }
  return undefined;
}

function findLargeDirectory(archive: Bytes, end: number): { count: number; offset: number; length: number } | undefined {
  const locator = end < LOCATOR_SIZE ? Buffer.alloc(0) : archive.read(end - LOCATOR_SIZE, LOCATOR_SIZE);
  if (locator.length < LOCATOR_SIZE) return undefined;
  const record = archive.read(Number(locator.readBigUInt64LE(8)), 56);
  if (record.length < 56 || record.readUInt32LE(0) !== LARGE_END_MARK) return undefined;
  const number = (at: number) => Number(record.readBigUInt64LE(at));
  return { count: number(32), length: number(40), offset: number(48) };
}

/** The values with those of the zip64 part in place of the ones that do not fit 32 bits: that part holds only these, in this order. */
function widen(extra: Buffer, values: number[]): number[] {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== LARGE_PART) continue;
    let next = at + 4;
    return values.map((value) => {
      if (value !== LARGE || next + 8 > extra.length) return value;
      next += 8;
      return Number(extra.readBigUInt64LE(next - 8));
    });
  }
  return values;
}

function unpack(
  archive: Bytes,
  { name, method, packed, local, unpacked }: { name: string; method: number; packed: number; local: number; unpacked: number },
  limit: number,
): Buffer {
  const tooLarge = new Error(`its entry ${shown(name)} has more than ${limit} bytes`);
  if (unpacked > limit || packed > limit) throw tooLarge;
  const head = archive.read(local, LOCAL_SIZE);
  if (head.length < LOCAL_SIZE) throw new Error(`its entry ${shown(name)} lies outside`);
  const data = archive.read(local + LOCAL_SIZE + head.readUInt16LE(26) + head.readUInt16LE(28), packed);
  if (method === STORED) return data;
  if (method !== DEFLATED) throw new Error(`its entry ${shown(name)} is packed by a method (${method}) that is not known`);
  try {
    return inflateRawSync(data, { maxOutputLength: Math.max(1, limit) });
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge : new Error(`its entry ${shown(name)} is damaged`);
  }
}

const shown = (name: string): string => JSON.stringify(name.slice(0, 100));
