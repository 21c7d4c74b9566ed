import { readPiece } from './walk.ts';

const MAX_SECTIONS = 4096;
/** Bytes: 64 or 40 are usual, and the file says what it likes. */
const MAX_ENTRY = 256;

/** The bytes of one section of an ELF file (ELF-64 and ELF-32, either byte order); undefined when it has none of that name. */
export function elfSection(fd: number, size: number, wanted: string, limit: number): Buffer | undefined {
  const head = readPiece(fd, 0, 64);
  if (head.length < 52 || head.readUInt32BE(0) !== 0x7f454c46) return undefined;
  const read = reader(head);
  const wide = head[4] === 2;
  const [tableAt, entrySize, count, namesIndex] = wide
    ? [read.word(head, 0x28), read.half(head, 0x3a), read.half(head, 0x3c), read.half(head, 0x3e)]
    : [read.word(head, 0x20), read.half(head, 0x2e), read.half(head, 0x30), read.half(head, 0x32)];
  if (count === 0 || count > MAX_SECTIONS || entrySize < (wide ? 64 : 40) || entrySize > MAX_ENTRY || tableAt + count * entrySize > size)
    return undefined;
  const table = readPiece(fd, tableAt, count * entrySize);
  const section = (index: number) => {
    const at = index * entrySize;
    const [offset, length] = wide ? [0x18, 0x20] : [0x10, 0x14];
    return { name: read.int(table, at), offset: read.word(table, at + offset), length: read.word(table, at + length) };
  };
  if (namesIndex >= count) return undefined;
  const strings = section(namesIndex);
  const names = readPiece(fd, strings.offset, Math.min(strings.length, limit));
  for (let index = 0; index < count; index += 1) {
    const { name, offset, length } = section(index);
    if (names.toString('latin1', name, names.indexOf(0, name)) === wanted) return readPiece(fd, offset, Math.min(length, limit));
  }
  return undefined;
}

/** Numbers in the byte order and width that the file's head tells. */
function reader(head: Buffer) {
  const little = head[5] === 1;
  const wide = head[4] === 2;
  const half = (b: Buffer, at: number): number => (little ? b.readUInt16LE(at) : b.readUInt16BE(at));
  const int = (b: Buffer, at: number): number => (little ? b.readUInt32LE(at) : b.readUInt32BE(at));
  const long = (b: Buffer, at: number): number => Number(little ? b.readBigUInt64LE(at) : b.readBigUInt64BE(at));
  return { half, int, word: (b: Buffer, at: number): number => (wide ? long(b, at) : int(b, at)) };
}
