import { invalid } from '../errors.ts';
import { BLOCK, checksumOf, FIELDS, FLAGS, paddingOf, type TarEntryType, type TarHeader, XATTR_PREFIX } from './header.ts';

/** What a decoder tells, in the order of the archive. Buffers are only valid during the call. */
export interface TarHandler {
  entry(header: TarHeader): void;
  /** Content of the entry told last. */
  data(chunk: Uint8Array): void;
  /** The content of the entry told last is complete. */
  end(): void;
  /** Every byte that is not content of a file, in order: header blocks, extensions, padding, what follows the last entry. */
  rest?(bytes: Uint8Array): void;
}

const MAX_EXTENSION = 1024 * 1024;
const TYPES = new Map<string, TarEntryType>([
  ...(Object.entries(FLAGS) as [TarEntryType, string][]).map(([type, flag]) => [flag, type] as [string, TarEntryType]),
  ['\0', 'file'],
  ['7', 'file'],
]);
const strict = new TextDecoder('utf-8', { fatal: true });

/**
 * Decodes a tar that arrives in chunks: ustar, pax, GNU long names and links, base-256 numbers, old V7.
 * Sparse files and unknown kinds of entries are `invalid`, as is whatever is damaged or cut short.
 */
export class TarDecoder {
  #handler: TarHandler;
  /** Bytes of an unfinished block or extension. */
  #held = Buffer.alloc(BLOCK);
  #heldLength = 0;
  #state: 'header' | 'data' | 'padding' | 'extension' | 'trailer' = 'header';
  /** Bytes of content, padding or extension still to come. */
  #left = 0;
  #padding = 0;
  #extensionFlag = '';
  #zeroBlock = false;
  #entries = 0;
  #pax = new Map<string, Uint8Array>();
  #longName: string | undefined;
  #longLink: string | undefined;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  write(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) at = this.#step(chunk, at);
  }

  /**
   * Call it when the archive has ended: fails when that was too early. Padding and end of the archive may be missing, since no
   * content is lost with them: the docker CLI sends such contexts for `build -f -`.
   */
  finish(): void {
    const clean =
      ['trailer', 'padding'].includes(this.#state) ||
      (this.#state === 'header' && this.#heldLength === 0 && (this.#zeroBlock || this.#entries > 0));
    if (!clean)
      throw invalid(
        this.#entries === 0 && this.#state === 'header'
          ? 'the archive is not a tar, or is empty'
          : 'the tar archive ends too early (unexpected EOF)',
      );
  }

  #step(chunk: Uint8Array, at: number): number {
    const available = chunk.length - at;
    switch (this.#state) {
      case 'header':
        return this.#gather(chunk, at, BLOCK, (block) => this.#header(block));
      case 'extension':
        return this.#gather(chunk, at, this.#left, (data) => this.#extension(data));
      case 'trailer':
        this.#handler.rest?.(at === 0 ? chunk : chunk.subarray(at));
        return chunk.length;
      case 'padding': {
        const count = Math.min(available, this.#padding);
        this.#handler.rest?.(chunk.subarray(at, at + count));
        this.#padding -= count;
        if (this.#padding === 0) this.#state = 'header';
        return at + count;
      }
      case 'data': {
        const count = Math.min(available, this.#left);
        this.#handler.data(chunk.subarray(at, at + count));
        this.#left -= count;
        if (this.#left === 0) this.#endOfContent();
        return at + count;
      }
    }
  }

  #endOfContent(): void {
    this.#state = this.#padding > 0 ? 'padding' : 'header';
    this.#handler.end();
  }

  /** Collects `length` bytes across chunks, then uses them. */
  #gather(chunk: Uint8Array, at: number, length: number, use: (bytes: Buffer) => void): number {
    if (this.#held.length < length) this.#held = Buffer.concat([this.#held.subarray(0, this.#heldLength)], length);
    const count = Math.min(chunk.length - at, length - this.#heldLength);
    this.#held.set(chunk.subarray(at, at + count), this.#heldLength);
    this.#heldLength += count;
    if (this.#heldLength === length) {
      this.#heldLength = 0;
      use(this.#held.subarray(0, length));
    }
    return at + count;
  }

  #header(block: Buffer): void {
    const stored = octal(block, FIELDS.checksum);
    if (block[0] === 0 && stored === 0 && block.every((byte) => byte === 0)) {
      this.#handler.rest?.(block);
      if (this.#zeroBlock) this.#state = 'trailer';
      this.#zeroBlock = true;
      return;
    }
    if (this.#zeroBlock || checksumOf(block) !== stored)
      throw invalid(
        this.#entries === 0
          ? 'the archive is not a tar (invalid tar header)'
          : `the tar archive is damaged after entry ${this.#entries} (invalid tar header)`,
      );
    const flag = String.fromCharCode(block[156] as number);
    if (flag === 'x' || flag === 'g' || flag === 'L' || flag === 'K') {
      this.#handler.rest?.(block);
      this.#beginExtension(flag, number(block, FIELDS.size));
    } else this.#begin(block, flag);
  }

  #beginExtension(flag: string, size: number): void {
    if (size > MAX_EXTENSION) throw invalid(`the tar archive has an extended header of ${size} bytes, more than ${MAX_EXTENSION}`);
    this.#extensionFlag = flag;
    this.#left = size + paddingOf(size);
    this.#padding = paddingOf(size);
    if (size > 0) this.#state = 'extension';
  }

  #extension(data: Buffer): void {
    this.#handler.rest?.(data);
    const content = data.subarray(0, data.length - this.#padding);
    this.#state = 'header';
    // Records of a global header speak of the archive as a whole (git puts a commit there); other engines leave them aside too.
    if (this.#extensionFlag === 'x') for (const [key, value] of paxRecords(content)) this.#pax.set(key, value);
    if (this.#extensionFlag === 'L') this.#longName = text(untilZero(content));
    if (this.#extensionFlag === 'K') this.#longLink = text(untilZero(content));
  }

  #begin(block: Buffer, flag: string): void {
    const header = this.#decode(block, flag);
    this.#pax.clear();
    this.#longName = undefined;
    this.#longLink = undefined;
    this.#entries += 1;
    this.#handler.rest?.(block);
    this.#left = header.size;
    this.#padding = paddingOf(header.size);
    this.#handler.entry(header);
    if (header.size > 0) this.#state = 'data';
    else this.#endOfContent();
  }

  #decode(block: Buffer, flag: string): TarHeader {
    const pax = this.#pax;
    const record = (key: string) => {
      const value = pax.get(key);
      return value === undefined ? undefined : text(value);
    };
    const ustar = block.toString('latin1', 257, 262) === 'ustar';
    // Old GNU archives keep other things where POSIX has the prefix.
    const prefix = ustar && block[262] === 0 ? text(untilZero(block.subarray(345, 500))) : '';
    const plain = text(untilZero(block.subarray(0, 100)));
    const name = record('path') ?? this.#longName ?? (prefix === '' ? plain : `${prefix}/${plain}`);
    if (flag === 'S' || [...pax.keys()].some((key) => key.startsWith('GNU.sparse.')))
      throw invalid(`the entry '${shown(name)}' is a sparse file: make the archive without sparse files`);
    let type = TYPES.get(flag);
    if (type === undefined) throw invalid(`the entry '${shown(name)}' has the unknown type ${JSON.stringify(flag)}`);
    if (flag === '\0' && name.endsWith('/')) type = 'directory';
    const whole = (key: string, field: readonly [number, number]) => wholeNumber(record(key), key, name) ?? number(block, field);
    return {
      type,
      name,
      link: record('linkpath') ?? this.#longLink ?? text(untilZero(block.subarray(157, 257))),
      mode: number(block, FIELDS.mode) & 0o7777,
      uid: whole('uid', FIELDS.uid),
      gid: whole('gid', FIELDS.gid),
      size: type === 'file' ? whole('size', FIELDS.size) : 0,
      modified: paxTime(record('mtime'), name) ?? BigInt(signedNumber(block, FIELDS.modified)) * 1_000_000_000n,
      device: { major: ustar ? number(block, FIELDS.major) : 0, minor: ustar ? number(block, FIELDS.minor) : 0 },
      xattrs: xattrsOf(pax),
      uname: record('uname') ?? (ustar ? untilZero(block.subarray(265, 297)).toString() : ''),
      gname: record('gname') ?? (ustar ? untilZero(block.subarray(297, 329)).toString() : ''),
    };
  }
}

const NONE: ReadonlyMap<string, Uint8Array> = new Map();

function xattrsOf(pax: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, Uint8Array> {
  if (pax.size === 0) return NONE;
  return new Map([...pax].filter(([key]) => key.startsWith(XATTR_PREFIX)).map(([key, value]) => [key.slice(XATTR_PREFIX.length), value]));
}

const shown = (name: string) => name.slice(0, 200);

function untilZero(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

/** A name that is not UTF-8 would come out as another: better refused than silently wrong. */
function text(bytes: Uint8Array): string {
  try {
    const value = strict.decode(bytes);
    if (!value.includes('\0')) return value;
  } catch {
    throw invalid(`the tar archive has a name that is not UTF-8: '${Buffer.from(bytes).toString('latin1').slice(0, 200)}'`);
  }
  throw invalid('the tar archive has a name with a zero byte');
}

function octal(block: Buffer, [offset, length]: readonly [number, number]): number {
  let value = 0;
  for (let i = offset; i < offset + length; i += 1) {
    const byte = block[i] as number;
    if (byte >= 48 && byte <= 55) value = value * 8 + (byte - 48);
    else if (byte !== 32 && byte !== 0) return Number.NaN;
    else if (value > 0) break;
  }
  return value;
}

/** Octal text, or big-endian base 256 when the first bit is set (GNU). Whole, not negative, within the safe range. */
function number(block: Buffer, field: readonly [number, number]): number {
  const value = signedNumber(block, field);
  if (value < 0) throw invalid('the tar archive has a negative number in a header');
  return value;
}

function signedNumber(block: Buffer, field: readonly [number, number]): number {
  const [offset, length] = field;
  const first = block[offset] as number;
  let value = octal(block, field);
  if (first >= 0x80) {
    let big = BigInt(first & 0x7f);
    for (let i = offset + 1; i < offset + length; i += 1) big = big * 256n + BigInt(block[i] as number);
    if (first & 0x40) big -= 1n << BigInt(8 * length - 1);
    value = Number(big);
  }
  if (!Number.isSafeInteger(value)) throw invalid('the tar archive has an invalid number in a header (invalid tar header)');
  return value;
}

function wholeNumber(value: string | undefined, key: string, name: string): number | undefined {
  if (value === undefined) return undefined;
  const parsed = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(parsed))
    throw invalid(`the entry '${shown(name)}' has an invalid ${key}: '${shown(value)}'`);
  return parsed;
}

function paxTime(value: string | undefined, name: string): bigint | undefined {
  if (value === undefined) return undefined;
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(value);
  if (!match) throw invalid(`the entry '${shown(name)}' has an invalid mtime: '${shown(value)}'`);
  const size = BigInt(match[2] as string) * 1_000_000_000n + BigInt((match[3] ?? '').slice(0, 9).padEnd(9, '0'));
  return match[1] === '-' ? -size : size;
}

/** Records of the form `LENGTH KEY=VALUE\n`; the length counts the whole record. */
function* paxRecords(data: Buffer): Generator<[string, Uint8Array]> {
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(32, at);
    const length = space < 0 ? Number.NaN : Number(data.toString('latin1', at, space));
    const equals = data.indexOf(61, space);
    if (
      !Number.isInteger(length) ||
      length < 5 ||
      at + length > data.length ||
      equals < 0 ||
      equals >= at + length ||
      data[at + length - 1] !== 10
    )
      throw invalid('the tar archive has a damaged pax header');
    yield [data.toString('utf8', space + 1, equals), Buffer.from(data.subarray(equals + 1, at + length - 1))];
    at += length;
  }
}
