import { BLOCK, checksumOf, FIELDS, FLAGS, paddingOf, type TarHeader, XATTR_PREFIX } from './header.ts';

/** What an entry needs; the rest has defaults. */
export type NewTarEntry = Pick<TarHeader, 'type' | 'name'> & Partial<TarHeader>;

const MAX_OCTAL_7 = 0o7777777;
const MAX_OCTAL_11 = 0o77777777777;
const isAscii = (text: string) => /^[\x01-\x7f]*$/.test(text);

/**
 * The header blocks of one entry: ustar, with a pax header before it where ustar is too narrow. Content follows, then
 * `paddingOf(size)` zero bytes. Times are kept to the second, unless `nanoseconds` is set.
 */
export function encodeTarHeader(entry: NewTarEntry, options: { nanoseconds?: boolean } = {}): Buffer {
  const records: [string, string | Uint8Array][] = [];
  const modified = entry.modified ?? 0n;
  const seconds = Number(modified / 1_000_000_000n);
  const size = entry.type === 'file' ? (entry.size ?? 0) : 0;
  const place = splitName(entry.name);
  if (place === undefined) records.push(['path', entry.name]);
  if (entry.link && !fits(entry.link, FIELDS.link[1])) records.push(['linkpath', entry.link]);
  if (size > MAX_OCTAL_11) records.push(['size', String(size)]);
  for (const key of ['uid', 'gid'] as const) if ((entry[key] ?? 0) > MAX_OCTAL_7) records.push([key, String(entry[key])]);
  if (seconds < 0 || seconds > MAX_OCTAL_11) records.push(['mtime', String(seconds)]);
  else if (options.nanoseconds && modified % 1_000_000_000n !== 0n)
    records.push(['mtime', `${seconds}.${String(modified % 1_000_000_000n).padStart(9, '0')}`]);
  for (const [name, value] of entry.xattrs ?? []) records.push([XATTR_PREFIX + name, value]);
  const block = headerBlock(
    { ...entry, size: size > MAX_OCTAL_11 ? 0 : size },
    place ?? { name: truncated(entry.name, 100), prefix: '' },
    FLAGS[entry.type],
    seconds,
  );
  return records.length === 0 ? block : Buffer.concat([paxHeader(records), block]);
}

/** Two zero blocks: the end of an archive. */
export const tarEnd = (): Buffer => Buffer.alloc(2 * BLOCK);

function paxHeader(records: readonly [string, string | Uint8Array][]): Buffer {
  const data = Buffer.concat(records.map(([key, value]) => paxRecord(key, Buffer.from(value as Uint8Array))));
  const block = headerBlock({ type: 'file', name: '', size: data.length, mode: 0o644 }, { name: 'PaxHeaders.0/entry', prefix: '' }, 'x', 0);
  return Buffer.concat([block, data, Buffer.alloc(paddingOf(data.length))]);
}

function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

const fits = (text: string, length: number) => text.length <= length && isAscii(text);
const truncated = (text: string, length: number) => text.replace(/[^\x20-\x7e]/g, '_').slice(0, length);

/** The name in the two fields that ustar has for it; undefined when it does not fit. */
function splitName(name: string): { name: string; prefix: string } | undefined {
  if (fits(name, FIELDS.name[1])) return { name, prefix: '' };
  if (!fits(name, 256)) return undefined;
  const slash = name.indexOf('/', name.length - 101);
  if (slash <= 0 || slash > FIELDS.prefix[1] || slash === name.length - 1) return undefined;
  return { name: name.slice(slash + 1), prefix: name.slice(0, slash) };
}

function headerBlock(entry: NewTarEntry, place: { name: string; prefix: string }, flag: string, seconds: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const put = ([offset, length]: readonly [number, number], value: string) => block.write(value.slice(0, length), offset, 'latin1');
  const digits = (field: readonly [number, number], value: number, most: number) =>
    put(field, (value < 0 || value > most ? 0 : value).toString(8).padStart(field[1] - 1, '0'));
  put(FIELDS.name, place.name);
  digits(FIELDS.mode, entry.mode ?? 0, MAX_OCTAL_7);
  digits(FIELDS.uid, entry.uid ?? 0, MAX_OCTAL_7);
  digits(FIELDS.gid, entry.gid ?? 0, MAX_OCTAL_7);
  digits(FIELDS.size, entry.size ?? 0, MAX_OCTAL_11);
  digits(FIELDS.modified, seconds, MAX_OCTAL_11);
  put(FIELDS.flag, flag);
  put(FIELDS.link, fits(entry.link ?? '', FIELDS.link[1]) ? (entry.link ?? '') : truncated(entry.link ?? '', 100));
  put(FIELDS.magic, 'ustar\x0000');
  put(FIELDS.uname, truncated(entry.uname ?? '', 31));
  put(FIELDS.gname, truncated(entry.gname ?? '', 31));
  digits(FIELDS.major, entry.device?.major ?? 0, MAX_OCTAL_7);
  digits(FIELDS.minor, entry.device?.minor ?? 0, MAX_OCTAL_7);
  put(FIELDS.prefix, place.prefix);
  block.write(`${checksumOf(block).toString(8).padStart(6, '0')}\0 `, FIELDS.checksum[0], 'latin1');
  return block;
}
