/** One entry of a tar archive: names with `/`, times in seconds. */
export interface TarEntry {
  readonly name: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink' | 'other';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  /** Target of a link. */
  readonly link: string;
}

const BLOCK = 512;
const TYPE_LETTER: Record<TarEntry['type'], string> = { file: '0', hardlink: '1', symlink: '2', directory: '5', other: '?' };
const LARGEST_OCTAL = 8 ** 11 - 1;
const LARGEST_ID = 8 ** 7 - 1;

function octal(header: Buffer, value: number, at: number, width: number): void {
  header.write(
    `${Math.max(0, Math.trunc(value))
      .toString(8)
      .padStart(width - 1, '0')}\0`,
    at,
    'latin1',
  );
}

function block(entry: TarEntry, letter: string): Buffer {
  const header = Buffer.alloc(BLOCK);
  header.write(entry.name, 0, 100, 'utf8');
  octal(header, entry.mode & 0o7777, 100, 8);
  octal(header, entry.uid > LARGEST_ID ? 0 : entry.uid, 108, 8);
  octal(header, entry.gid > LARGEST_ID ? 0 : entry.gid, 116, 8);
  octal(header, entry.size > LARGEST_OCTAL ? 0 : entry.size, 124, 12);
  octal(header, entry.mtime, 136, 12);
  header.write('        ', 148, 'latin1');
  header.write(letter, 156, 'latin1');
  header.write(entry.link, 157, 100, 'utf8');
  header.write('ustar\x0000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

const fits = (text: string) => Buffer.byteLength(text) < 100 && /^[\x20-\x7e]*$/.test(text);

/** One `length key=value` line of a PAX header; the length counts itself. */
function paxLine(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let length = bytes + String(bytes).length;
  if (String(length).length + bytes !== length) length = bytes + String(length).length;
  return `${length}${rest}`;
}

export const padding = (size: number) => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);

/** The header blocks of an entry: what does not fit the old form goes into a PAX header before it. */
export function encodeHeader(entry: TarEntry): Buffer {
  const name = entry.type === 'directory' && !entry.name.endsWith('/') ? `${entry.name}/` : entry.name;
  const whole = { ...entry, name };
  let extra = '';
  if (!fits(name)) extra += paxLine('path', name);
  if (!fits(entry.link)) extra += paxLine('linkpath', entry.link);
  if (entry.size > LARGEST_OCTAL) extra += paxLine('size', String(entry.size));
  if (entry.uid > LARGEST_ID) extra += paxLine('uid', String(entry.uid));
  if (entry.gid > LARGEST_ID) extra += paxLine('gid', String(entry.gid));
  const header = block(whole, TYPE_LETTER[entry.type]);
  if (extra === '') return header;
  const body = Buffer.from(extra);
  const head = block({ ...whole, name: 'PaxHeaders.0/entry', size: body.length, link: '', mode: 0o644 }, 'x');
  return Buffer.concat([head, body, padding(body.length), header]);
}

/** The two empty blocks at the end. */
export const END_OF_TAR = Buffer.alloc(2 * BLOCK);

function text(header: Buffer, at: number, length: number): string {
  const end = header.indexOf(0, at);
  return header.toString('utf8', at, end < 0 || end > at + length ? at + length : end);
}

function number(header: Buffer, at: number, length: number): number {
  const first = header[at] ?? 0;
  if (first & 0x80) return header.subarray(at + 1, at + length).reduce((value, byte) => value * 256 + byte, 0);
  return Number.parseInt(text(header, at, length).trim() || '0', 8);
}

const LETTER_TYPE: Record<string, TarEntry['type']> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '5': 'directory',
};

function decodeHeader(header: Buffer): { entry: TarEntry; letter: string } {
  const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
  if (sum !== number(header, 148, 8)) throw new Error('the archive is damaged: a header has a wrong checksum');
  const prefix = text(header, 257, 5) === 'ustar' && header[262] === 0 ? text(header, 345, 155) : '';
  const name = text(header, 0, 100);
  const letter = String.fromCharCode(header[156] ?? 0);
  const entry: TarEntry = {
    name: prefix ? `${prefix}/${name}` : name,
    type: LETTER_TYPE[letter] ?? 'other',
    mode: number(header, 100, 8) & 0o7777,
    uid: number(header, 108, 8),
    gid: number(header, 116, 8),
    size: number(header, 124, 12),
    mtime: number(header, 136, 12),
    link: text(header, 157, 100),
  };
  return { entry, letter };
}

/** Reads exact numbers of bytes off a stream of chunks. */
class ByteReader {
  readonly #source: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** At most `most` bytes, at least one; undefined at the end. */
  async some(most: number): Promise<Buffer | undefined> {
    while (this.#rest.length === 0) {
      const { value, done } = await this.#source.next();
      if (done) return undefined;
      this.#rest = value;
    }
    const taken = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(taken.length);
    return taken;
  }

  /** Exactly `size` bytes; undefined when the stream ends before the first. Throws when it ends in between. */
  async exactly(size: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    for (let left = size; left > 0; ) {
      const part = await this.some(left);
      if (!part && left === size) return undefined;
      if (!part) throw new Error('the archive ends in the middle of an entry');
      parts.push(part);
      left -= part.length;
    }
    return Buffer.concat(parts);
  }

  /** Lets the rest go by. */
  async drain(): Promise<void> {
    this.#rest = Buffer.alloc(0);
    while (!(await this.#source.next()).done);
  }
}

/** PAX values and GNU long names are small; a larger one is an attack. */
const MOST_EXTRA = 1 << 20;

function readPax(body: Buffer): Map<string, string> {
  const values = new Map<string, string>();
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(32, at);
    const length = Number.parseInt(body.toString('latin1', at, space), 10);
    if (space < 0 || !(length > 0)) break;
    const line = body.toString('utf8', space + 1, at + length - 1);
    const equals = line.indexOf('=');
    values.set(line.slice(0, equals), line.slice(equals + 1));
    at += length;
  }
  return values;
}

function withExtras(entry: TarEntry, extras: Map<string, string>): TarEntry {
  const numeric = (key: string, own: number) => (extras.has(key) ? Number(extras.get(key)) : own);
  return {
    ...entry,
    name: extras.get('path') ?? entry.name,
    link: extras.get('linkpath') ?? entry.link,
    size: numeric('size', entry.size),
    uid: numeric('uid', entry.uid),
    gid: numeric('gid', entry.gid),
    mtime: numeric('mtime', entry.mtime),
  };
}

/**
 * The entries of a tar stream in order. `content` must be read (or is skipped) before the next entry is asked for.
 * Understands ustar, PAX and GNU long names. Throws for damaged archives.
 */
export async function* readTar(source: AsyncIterable<Buffer>): AsyncGenerator<{ entry: TarEntry; content: AsyncIterable<Buffer> }> {
  const reader = new ByteReader(source);
  let extras = new Map<string, string>();
  for (;;) {
    const header = await reader.exactly(BLOCK);
    if (!header || header.every((byte) => byte === 0)) break;
    const { entry, letter } = decodeHeader(header);
    if ('xgLK'.includes(letter)) {
      if (entry.size > MOST_EXTRA) throw new Error('the archive is damaged: an extended header is too large');
      const body = (await reader.exactly(entry.size + padding(entry.size).length))?.subarray(0, entry.size) ?? Buffer.alloc(0);
      if (letter === 'x') extras = new Map([...extras, ...readPax(body)]);
      else if (letter === 'L' || letter === 'K')
        extras.set(letter === 'L' ? 'path' : 'linkpath', body.toString('utf8').replace(/\0.*$/s, ''));
      continue;
    }
    const whole = withExtras(entry, extras);
    extras = new Map();
    const state = { left: whole.type === 'file' || whole.type === 'other' ? whole.size : 0 };
    const fill = state.left > 0 ? padding(whole.size).length : 0;
    yield { entry: whole, content: contentOf(reader, state) };
    for await (const _skipped of contentOf(reader, state));
    if (fill > 0) await reader.exactly(fill);
  }
  await reader.drain();
}

async function* contentOf(reader: ByteReader, state: { left: number }): AsyncGenerator<Buffer> {
  while (state.left > 0) {
    const part = await reader.some(state.left);
    if (!part) throw new Error('the archive ends in the middle of a file');
    state.left -= part.length;
    yield part;
  }
}
