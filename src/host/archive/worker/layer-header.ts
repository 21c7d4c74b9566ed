import { posix } from 'node:path';
import { BLOCK, checksumOf, FIELDS, paddingOf } from '../../../base/index.ts';

/** One entry of a layer as Docker writes it: no names of users, times to the second, and of the extended attributes only capabilities. */
export interface LayerEntry {
  /** The type flag, as a character. */
  flag: string;
  /** Directories end in a slash. */
  name: string;
  link: string;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** Since the epoch, whole. */
  seconds: number;
  device: { major: number; minor: number };
  capability: Uint8Array | undefined;
}

const NAME = FIELDS.name[1];
const PREFIX = FIELDS.prefix[1];
const MAX_7 = 0o7777777;
const MAX_11 = 0o77777777777;
const ASCII = /^[\x01-\x7f]*$/;

/**
 * The header blocks of an entry, byte by byte as Go's archive/tar makes them when asked for PAX (go/src/archive/tar/writer.go): plain
 * ustar where that can tell everything, else a pax header before it, and then the path is in it too whenever it is longer than its field.
 */
export function encodeLayerHeader(entry: LayerEntry): Buffer {
  const records: [string, Uint8Array][] = [];
  let ustar = true;
  const needs = (key: string, value: string | Uint8Array) => {
    ustar = false;
    records.push([key, Buffer.from(value as Uint8Array)]);
  };
  const split = splitName(entry.name);
  if (!ASCII.test(entry.name) || entry.name.length > NAME) {
    records.push(['path', Buffer.from(entry.name)]);
    if (!split) ustar = false;
  }
  if (!ASCII.test(entry.link) || entry.link.length > NAME) needs('linkpath', entry.link);
  if (entry.uid > MAX_7) needs('uid', String(entry.uid));
  if (entry.gid > MAX_7) needs('gid', String(entry.gid));
  if (entry.size > MAX_11) needs('size', String(entry.size));
  if (entry.seconds < 0 || entry.seconds > MAX_11) needs('mtime', String(entry.seconds));
  if (entry.capability) needs('SCHILY.xattr.security.capability', entry.capability);
  if (ustar) return headerBlock(entry, split ?? { name: entry.name, prefix: '' });
  return Buffer.concat([paxBlocks(entry.name, records), headerBlock(entry, { name: onlyAscii(entry.name), prefix: '' })]);
}

/** A name too long for its field, in two, cut at the last slash that the prefix has room for. */
function splitName(name: string): { name: string; prefix: string } | undefined {
  if (name.length <= NAME || !ASCII.test(name)) return undefined;
  let length = name.length;
  if (length > PREFIX + 1) length = PREFIX + 1;
  else if (name.endsWith('/')) length -= 1;
  const at = name.slice(0, length).lastIndexOf('/');
  const rest = name.length - at - 1;
  return at <= 0 || rest > NAME || rest === 0 ? undefined : { name: name.slice(at + 1), prefix: name.slice(0, at) };
}

function paxBlocks(name: string, records: [string, Uint8Array][]): Buffer {
  records.sort(([a], [b]) => (a < b ? -1 : 1));
  const data = Buffer.concat(records.map(([key, value]) => paxRecord(key, value)));
  const slash = name.lastIndexOf('/') + 1;
  const shown = onlyAscii(posix.join(name.slice(0, slash), 'PaxHeaders.0', name.slice(slash)))
    .slice(0, NAME)
    .replace(/\/+$/, '');
  const block = Buffer.alloc(BLOCK);
  block.write(shown, 0, 'latin1');
  for (const field of [FIELDS.mode, FIELDS.uid, FIELDS.gid, FIELDS.modified]) putOctal(block, field, 0);
  putOctal(block, FIELDS.size, data.length);
  block.write('x', FIELDS.flag[0], 'latin1');
  return Buffer.concat([sealed(block), data, Buffer.alloc(paddingOf(data.length))]);
}

/** `LENGTH KEY=VALUE\n`, the length counting itself. */
function paxRecord(key: string, value: Uint8Array): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function headerBlock(entry: LayerEntry, place: { name: string; prefix: string }): Buffer {
  const block = Buffer.alloc(BLOCK);
  putText(block, FIELDS.name, place.name);
  putText(block, FIELDS.link, onlyAscii(entry.link));
  putOctal(block, FIELDS.mode, entry.mode);
  putOctal(block, FIELDS.uid, entry.uid);
  putOctal(block, FIELDS.gid, entry.gid);
  putOctal(block, FIELDS.size, entry.size);
  putOctal(block, FIELDS.modified, entry.seconds);
  block.write(entry.flag, FIELDS.flag[0], 'latin1');
  putOctal(block, FIELDS.major, entry.device.major);
  putOctal(block, FIELDS.minor, entry.device.minor);
  putText(block, FIELDS.prefix, place.prefix);
  return sealed(block);
}

function sealed(block: Buffer): Buffer {
  block.write('ustar\x0000', FIELDS.magic[0], 'latin1');
  block.write(`${checksumOf(block).toString(8).padStart(6, '0')}\0 `, FIELDS.checksum[0], 'latin1');
  return block;
}

/** A text that is cut just behind a slash loses the slash, or readers might take a file for a directory. */
function putText(block: Buffer, [offset, length]: readonly [number, number], text: string): void {
  const cut = text.length > length && text[length - 1] === '/' ? text.slice(0, length).replace(/\/+$/, '') : text.slice(0, length);
  block.write(cut, offset, 'latin1');
}

/** What does not fit is 0: a pax record tells it. */
function putOctal(block: Buffer, [offset, length]: readonly [number, number], value: number): void {
  const fits = value >= 0 && value < 8 ** (length - 1);
  block.write((fits ? value : 0).toString(8).padStart(length - 1, '0'), offset, 'latin1');
}

const onlyAscii = (text: string) => text.replace(/[^\x01-\x7f]/gu, '');
