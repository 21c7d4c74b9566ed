import { invalid } from './errors.ts';

export type TarType = 'file' | 'link' | 'symlink' | 'character' | 'block' | 'directory' | 'fifo';

/** One member of a tar archive (POSIX.1-2001 pax, with the GNU and star extensions that image tools write). */
export interface TarEntry {
  name: string;
  type: TarType;
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of content that follow; 0 for everything but files. */
  size: number;
  /** Nanoseconds since the epoch. */
  modified: bigint;
  linkName: string;
  deviceMajor: number;
  deviceMinor: number;
  attributes: Map<string, Buffer>;
}

export interface TarSink {
  /** A member begins; its content follows in `data` calls. */
  entry(entry: TarEntry): void;
  data(chunk: Buffer): void;
  /** The member's content is complete. */
  entryEnd(): void;
  /** Every byte of the archive that is not content: headers, extended headers, padding, end marks. Only if asked for. */
  raw?(bytes: Buffer): void;
}

const BLOCK = 512;
/** Extended headers larger than this are an attack or an accident. */
const EXTENDED_LIMIT = 1 << 20;

const TYPES: Record<string, TarType> = { '0': 'file', '\0': 'file', '7': 'file', '1': 'link', '2': 'symlink', '3': 'character', '4': 'block', '5': 'directory', '6': 'fifo' };

/** Reads an archive in whatever pieces it comes. Throws `invalid` with the reason at the first thing that is wrong. */
export class TarDecoder {
  #sink: TarSink;
  #pending: Buffer = Buffer.alloc(0);
  #content = 0;
  #padding = 0;
  #extended: { kind: string; left: number; parts: Buffer[] } | undefined;
  #global = new Map<string, Buffer>();
  #local = new Map<string, Buffer>();
  #open = false;
  #zeroBlocks = 0;

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  push(chunk: Buffer): void {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#content > 0) {
        const take = Math.min(this.#content, chunk.length - offset);
        const piece = chunk.subarray(offset, offset + take);
        if (this.#extended) this.#collect(piece);
        else this.#sink.data(piece);
        this.#content -= take;
        offset += take;
        if (this.#content === 0) this.#contentDone();
      } else if (this.#padding > 0) {
        const take = Math.min(this.#padding, chunk.length - offset);
        this.#sink.raw?.(chunk.subarray(offset, offset + take));
        this.#padding -= take;
        offset += take;
      } else {
        offset = this.#header(chunk, offset);
      }
    }
  }

  /** Call at the end of the input: a cut-off archive is an error. */
  end(): void {
    if (this.#content > 0 || this.#extended || this.#pending.length > 0) throw invalid('the archive ends in the middle of an entry');
  }

  #header(chunk: Buffer, offset: number): number {
    const need = BLOCK - this.#pending.length;
    const take = Math.min(need, chunk.length - offset);
    const piece = chunk.subarray(offset, offset + take);
    if (take < need) {
      this.#pending = Buffer.concat([this.#pending, piece]);
      return offset + take;
    }
    const block = this.#pending.length === 0 ? piece : Buffer.concat([this.#pending, piece]);
    this.#pending = Buffer.alloc(0);
    this.#sink.raw?.(block);
    if (this.#zeroBlocks >= 2) return offset + take;
    if (isZero(block)) this.#zeroBlocks += 1;
    else {
      this.#zeroBlocks = 0;
      this.#begin(block);
    }
    return offset + take;
  }

  #begin(block: Buffer): void {
    checkSum(block);
    const kind = String.fromCharCode(block[156] ?? 0);
    const size = number(block, 124, 12, 'size');
    if (kind === 'x' || kind === 'g' || kind === 'L' || kind === 'K') {
      if (size > EXTENDED_LIMIT) throw invalid(`an extended header of ${size} bytes is too large`);
      this.#extended = { kind, left: size, parts: [] };
      this.#expect(size);
      if (size === 0) this.#contentDone();
      return;
    }
    const entry = this.#entry(block, kind, size);
    this.#local.clear();
    this.#open = true;
    this.#sink.entry(entry);
    this.#expect(entry.size);
    if (entry.size === 0) this.#contentDone();
  }

  #expect(size: number): void {
    this.#content = size;
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK;
  }

  #entry(block: Buffer, kind: string, headerSize: number): TarEntry {
    const type = TYPES[kind];
    if (kind === 'S' || this.#field('GNU.sparse.major') !== undefined) throw invalid(`sparse entries are not supported: ${text(block, 0, 100)}`);
    if (!type) throw invalid(`unknown entry type ${JSON.stringify(kind)} in the archive`);
    const ustar = block.toString('latin1', 257, 262) === 'ustar';
    const prefix = ustar && block.toString('latin1', 257, 265) !== 'ustar  \0' ? text(block, 345, 155) : '';
    const shortName = text(block, 0, 100);
    const name = this.#text('path') ?? (prefix ? `${prefix}/${shortName}` : shortName);
    const size = this.#number('size') ?? headerSize;
    const isDirectory = type === 'directory' || (type === 'file' && name.endsWith('/') && (kind === '\0' || kind === '0'));
    return {
      name,
      type: isDirectory ? 'directory' : type,
      mode: number(block, 100, 8, 'mode') & 0o7777,
      uid: this.#number('uid') ?? number(block, 108, 8, 'uid'),
      gid: this.#number('gid') ?? number(block, 116, 8, 'gid'),
      size: type === 'file' ? size : 0,
      modified: this.#time('mtime') ?? BigInt(number(block, 136, 12, 'mtime')) * 1_000_000_000n,
      linkName: this.#text('linkpath') ?? text(block, 157, 100),
      deviceMajor: ustar ? number(block, 329, 8, 'device major') : 0,
      deviceMinor: ustar ? number(block, 337, 8, 'device minor') : 0,
      attributes: this.#attributes(),
    };
  }

  #collect(piece: Buffer): void {
    this.#sink.raw?.(piece);
    this.#extended?.parts.push(Buffer.from(piece));
  }

  #contentDone(): void {
    const extended = this.#extended;
    if (extended) {
      this.#extended = undefined;
      this.#keep(extended.kind, Buffer.concat(extended.parts));
    } else if (this.#open) {
      this.#open = false;
      this.#sink.entryEnd();
    }
  }

  #keep(kind: string, content: Buffer): void {
    if (kind === 'L') this.#local.set('path', untilZero(content));
    else if (kind === 'K') this.#local.set('linkpath', untilZero(content));
    else for (const [key, value] of paxRecords(content)) (kind === 'g' ? this.#global : this.#local).set(key, value);
  }

  #field(key: string): Buffer | undefined {
    const value = this.#local.get(key) ?? this.#global.get(key);
    return value && value.length > 0 ? value : undefined;
  }

  #text(key: string): string | undefined {
    return this.#field(key)?.toString('utf8');
  }

  #number(key: string): number | undefined {
    const value = this.#text(key);
    if (value === undefined) return undefined;
    const parsed = Number(value);
    if (!Number.isSafeInteger(parsed) || parsed < 0) throw invalid(`invalid ${key} in the archive: ${value.slice(0, 40)}`);
    return parsed;
  }

  #time(key: string): bigint | undefined {
    const value = this.#text(key);
    if (value === undefined) return undefined;
    const match = /^(-?)(\d{1,15})(?:\.(\d{1,9})\d*)?$/.exec(value);
    if (!match) throw invalid(`invalid ${key} in the archive: ${value.slice(0, 40)}`);
    const nanoseconds = BigInt(match[2] ?? 0) * 1_000_000_000n + BigInt((match[3] ?? '').padEnd(9, '0'));
    return match[1] ? -nanoseconds : nanoseconds;
  }

  #attributes(): Map<string, Buffer> {
    const found = new Map<string, Buffer>();
    for (const source of [this.#global, this.#local]) {
      for (const [key, value] of source) if (key.startsWith('SCHILY.xattr.')) found.set(key.slice('SCHILY.xattr.'.length), value);
    }
    return found;
  }
}

function isZero(block: Buffer): boolean {
  for (let i = 0; i < BLOCK; i++) if (block[i] !== 0) return false;
  return true;
}

function checkSum(block: Buffer): void {
  let sum = 8 * 32;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += block[i] ?? 0;
  if (sum !== number(block, 148, 8, 'checksum')) throw invalid('this is not a tar archive, or it is damaged: a header has the wrong checksum');
}

/** Octal text, or base 256 when the first bit is set (GNU tar manual, "Basic Tar Format"). */
function number(block: Buffer, offset: number, length: number, what: string): number {
  const first = block[offset] ?? 0;
  if (first & 0x80) {
    if (first & 0x40) return 0;
    let value = BigInt(first & 0x3f);
    for (let i = 1; i < length; i++) value = (value << 8n) | BigInt(block[offset + i] ?? 0);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid(`the ${what} of an entry is too large`);
    return Number(value);
  }
  const digits = block.toString('latin1', offset, offset + length).replace(/\0.*$/s, '').trim();
  if (digits === '') return 0;
  if (!/^[0-7]+$/.test(digits)) throw invalid(`the ${what} of an entry is not a number: ${JSON.stringify(digits)}`);
  return Number.parseInt(digits, 8);
}

function untilZero(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

function text(block: Buffer, offset: number, length: number): string {
  return untilZero(block.subarray(offset, offset + length)).toString('utf8');
}

function* paxRecords(content: Buffer): Generator<[string, Buffer]> {
  let offset = 0;
  while (offset < content.length) {
    const space = content.indexOf(32, offset);
    const length = space < 0 ? Number.NaN : Number(content.toString('latin1', offset, space));
    const end = offset + length;
    if (!Number.isInteger(length) || length <= space - offset || end > content.length || content[end - 1] !== 10) throw invalid('an extended header of the archive is malformed');
    const record = content.subarray(space + 1, end - 1);
    const equals = record.indexOf(61);
    if (equals < 1) throw invalid('an extended header of the archive is malformed');
    yield [record.toString('utf8', 0, equals), Buffer.from(record.subarray(equals + 1))];
    offset = end;
  }
}

const FLAGS: Record<TarType, string> = { file: '0', link: '1', symlink: '2', character: '3', block: '4', directory: '5', fifo: '6' };

/** The header blocks of an entry: a pax header first when plain ustar cannot say it all. Content and padding are the caller's. */
export function encodeTarHeader(entry: TarEntry): Buffer {
  const name = entry.type === 'directory' && !entry.name.endsWith('/') ? `${entry.name}/` : entry.name;
  const extended: [string, string | Buffer][] = [];
  if (!fits(name, 100)) extended.push(['path', name]);
  if (!fits(entry.linkName, 100)) extended.push(['linkpath', entry.linkName]);
  if (entry.size > 0o77777777777) extended.push(['size', String(entry.size)]);
  if (entry.uid > 0o7777777) extended.push(['uid', String(entry.uid)]);
  if (entry.gid > 0o7777777) extended.push(['gid', String(entry.gid)]);
  const seconds = entry.modified / 1_000_000_000n;
  if (entry.modified % 1_000_000_000n !== 0n || entry.modified < 0n) extended.push(['mtime', decimalTime(entry.modified)]);
  for (const [key, value] of entry.attributes) extended.push([`SCHILY.xattr.${key}`, value]);
  const header = block({ ...entry, name: extended.length > 0 ? cut(name) : name, linkName: cut(entry.linkName) }, FLAGS[entry.type], seconds < 0n ? 0n : seconds);
  if (extended.length === 0) return header;
  const records = Buffer.concat(extended.map(([key, value]) => paxRecord(key, value)));
  const pax = block({ ...entry, name: cut(`PaxHeaders.0/${name.split('/').filter(Boolean).pop() ?? 'x'}`), linkName: '', size: records.length, mode: 0o644, uid: 0, gid: 0, deviceMajor: 0, deviceMinor: 0 }, 'x', 0n);
  return Buffer.concat([pax, records, tarPadding(records.length), header]);
}

/** Zero bytes up to the next block. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

/** The two empty blocks that end an archive. */
export const TAR_END = Buffer.alloc(2 * BLOCK);

function block(entry: Omit<TarEntry, 'type' | 'modified' | 'attributes'>, flag: string, seconds: bigint): Buffer {
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number | bigint, offset: number, length: number) => {
    const digits = value.toString(8).padStart(length - 1, '0');
    header.write(digits.length < length ? digits : '0'.repeat(length - 1), offset, 'latin1');
  };
  header.write(entry.name, 0, 100, 'utf8');
  octal(entry.mode, 100, 8);
  octal(entry.uid, 108, 8);
  octal(entry.gid, 116, 8);
  octal(entry.size, 124, 12);
  octal(seconds, 136, 12);
  header.write('        ', 148, 'latin1');
  header.write(flag, 156, 'latin1');
  header.write(entry.linkName, 157, 100, 'utf8');
  header.write('ustar\x0000', 257, 'latin1');
  octal(entry.deviceMajor, 329, 8);
  octal(entry.deviceMinor, 337, 8);
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

const fits = (value: string, length: number) => Buffer.byteLength(value) <= length && /^[\x20-\x7e]*$/.test(value);

/** A short stand-in of a name whose real form is in the pax header. */
function cut(name: string): string {
  return fits(name, 100) ? name : name.replace(/[^\x20-\x7e]/g, '_').slice(0, 100);
}

function decimalTime(nanoseconds: bigint): string {
  const absolute = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  const fraction = (absolute % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '');
  return `${nanoseconds < 0n ? '-' : ''}${absolute / 1_000_000_000n}${fraction ? `.${fraction}` : ''}`;
}

function paxRecord(key: string, value: string | Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')]);
  let length = body.length + 1;
  while (String(length).length + body.length !== length) length = String(length).length + body.length;
  return Buffer.concat([Buffer.from(String(length)), body]);
}
