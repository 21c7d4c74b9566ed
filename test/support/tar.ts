/** Tar archives written byte by byte, so that tests can also make those that no honest program would. */

export interface RawEntry {
  name: string;
  /** The type flag of ustar: '0' file, '1' hard link, '2' symbolic link, '3' and '4' devices, '5' directory, 'x' pax header. */
  flag?: string;
  content?: string | Uint8Array;
  /** What the header says, when that is not the content's length. */
  size?: number;
  link?: string;
  mode?: number;
  major?: number;
  minor?: number;
}

const BLOCK = 512;
const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, '0')}\0`;

/** The archive with the two empty blocks that end it. */
export function tar(...entries: RawEntry[]): Buffer {
  return Buffer.concat([...entries.map(tarEntry), Buffer.alloc(2 * BLOCK)]);
}

export function tarEntry(entry: RawEntry): Buffer {
  const content = Buffer.from(entry.content ?? '');
  const header = Buffer.alloc(BLOCK);
  header.write(entry.name, 0, 100);
  header.write(octal(entry.mode ?? 0o644, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(sizeField(entry.size ?? content.length), 124, 'latin1');
  header.write(octal(0, 12), 136);
  header.write('        ', 148);
  header.write(entry.flag ?? '0', 156);
  header.write(entry.link ?? '', 157, 100);
  header.write('ustar\x0000', 257);
  header.write(octal(entry.major ?? 0, 8), 329);
  header.write(octal(entry.minor ?? 0, 8), 337);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)]);
}

/** Octal up to 8 GiB, base-256 above, as GNU tar does. */
function sizeField(size: number): string {
  if (size < 8 ** 11) return octal(size, 12);
  const bytes = Buffer.alloc(12);
  bytes.writeBigUInt64BE(BigInt(size), 4);
  bytes[0] = 0x80;
  return bytes.toString('latin1');
}
