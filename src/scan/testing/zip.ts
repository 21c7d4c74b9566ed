import { crc32, deflateRawSync } from 'node:zlib';

const LOCAL = 'PK\x03\x04';
const CENTRAL = 'PK\x01\x02';

/** A zip archive; `large` writes its sizes and places in zip64 parts, as archives of more than 65,535 entries have them. */
export function zip(entries: Record<string, string | Buffer>, options: { deflated?: boolean; large?: boolean } = {}): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(entries)) {
    const data = Buffer.from(content);
    const packed = options.deflated ? deflateRawSync(data, { level: 1 }) : data;
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(options.deflated ? 8 : 0, 4);
    fields.writeUInt32LE(crc32(data), 10);
    fields.writeUInt32LE(packed.length, 14);
    fields.writeUInt32LE(data.length, 18);
    fields.writeUInt16LE(name.length, 22);
    parts.push(Buffer.from(LOCAL), fields, Buffer.from(name), packed);
    directory.push(centralEntry(fields, name, options.large ? [data.length, packed.length, offset] : undefined, offset));
    offset += 4 + fields.length + name.length + packed.length;
  }
  const central = Buffer.concat(directory);
  const count = Object.keys(entries).length;
  return Buffer.concat([
    ...parts,
    central,
    ...(options.large ? largeEnd(count, central.length, offset) : [smallEnd(count, central.length, offset)]),
  ]);
}

function centralEntry(fields: Buffer, name: string, large: readonly number[] | undefined, offset: number): Buffer {
  const central = Buffer.alloc(46);
  central.write(CENTRAL);
  fields.copy(central, 6, 0, 26);
  central.writeUInt32LE(offset, 42);
  if (!large) return Buffer.concat([central, Buffer.from(name)]);
  for (const at of [20, 24, 42]) central.writeUInt32LE(0xffffffff, at);
  const extra = Buffer.alloc(4 + 24);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(24, 2);
  large.forEach((value, i) => void extra.writeBigUInt64LE(BigInt(value), 4 + 8 * i));
  central.writeUInt16LE(extra.length, 30);
  return Buffer.concat([central, Buffer.from(name), extra]);
}

function smallEnd(count: number, length: number, offset: number): Buffer {
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06');
  end.writeUInt16LE(count, 10);
  end.writeUInt32LE(length, 12);
  end.writeUInt32LE(offset, 16);
  return end;
}

function largeEnd(count: number, length: number, offset: number): Buffer[] {
  const record = Buffer.alloc(56);
  record.write('PK\x06\x06');
  [count, length, offset].forEach((value, i) => void record.writeBigUInt64LE(BigInt(value), 32 + 8 * i));
  const locator = Buffer.alloc(20);
  locator.write('PK\x06\x07');
  locator.writeBigUInt64LE(BigInt(offset + length), 8);
  return [record, locator, smallEnd(0xffff, 0xffffffff, 0xffffffff)];
}
