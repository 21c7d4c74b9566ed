import { inflateRawSync } from 'node:zlib';

const END_MARK = 0x06054b50;
const ENTRY_MARK = 0x02014b50;
const MAX_COMMENT = 65_557;
const STORED = 0;
const DEFLATED = 8;

export interface ZipEntry {
  name: string;
  /** At most `limit` bytes, unpacked. */
  read(limit: number): Buffer;
}

/** Entries of a zip archive's central directory (APPNOTE 6.3); nothing when it is not one. */
export function* zipEntries(archive: Buffer): Generator<ZipEntry> {
  const end = findEnd(archive);
  if (end === undefined) return;
  const count = archive.readUInt16LE(end + 10);
  let at = archive.readUInt32LE(end + 16);
  for (let i = 0; i < count; i += 1) {
    if (at + 46 > archive.length || archive.readUInt32LE(at) !== ENTRY_MARK) throw new Error('its central directory is damaged');
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) => archive.readUInt16LE(at + offset)) as [
      number,
      number,
      number,
    ];
    const name = archive.toString('utf8', at + 46, at + 46 + nameLength);
    const [method, packed, local] = [archive.readUInt16LE(at + 10), archive.readUInt32LE(at + 20), archive.readUInt32LE(at + 42)];
    yield { name, read: (limit) => unpack(archive, { name, method, packed, local }, limit) };
    at += 46 + nameLength + extraLength + commentLength;
  }
}

function findEnd(archive: Buffer): number | undefined {
  for (let at = archive.length - 22; at >= 0 && at > archive.length - MAX_COMMENT; at -= 1)
    if (archive.readUInt32LE(at) === END_MARK) return at;
  return undefined;
}

function unpack(archive: Buffer, entry: { name: string; method: number; packed: number; local: number }, limit: number): Buffer {
  const { name, method, packed, local } = entry;
  if (local + 30 > archive.length) throw new Error(`its entry ${name} lies outside`);
  const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
  const data = archive.subarray(start, start + packed);
  if (method === DEFLATED) return inflateRawSync(data, { maxOutputLength: limit });
  if (method !== STORED) throw new Error(`its entry ${name} is packed by a method (${method}) that is not known`);
  if (data.length > limit) throw new Error(`its entry ${name} has ${data.length} bytes, more than ${limit}`);
  return data;
}
