import { isIPv6 } from 'node:net';
import { invalid } from '../../base/index.ts';
import { formatAddress, parseAddress } from './ipv4.ts';

/** An address of either family as a number. The default bridge has IPv4 only and its own, smaller arithmetic (ipv4.ts). */
export interface Ip {
  family: 4 | 6;
  value: bigint;
}

/** A block of addresses: `base` has its host bits clear. */
export interface Prefix {
  family: 4 | 6;
  base: bigint;
  length: number;
}

export const widthOf = (family: 4 | 6): number => (family === 4 ? 32 : 128);

/** Undefined when the text is no address. Zones (`fe80::1%eth0`) are none. */
export function parseIp(text: string): Ip | undefined {
  const four = parseAddress(text);
  if (four !== undefined) return { family: 4, value: BigInt(four) };
  if (!isIPv6(text) || text.includes('%')) return undefined;
  return { family: 6, value: groupsOf(text).reduce((sum, group) => (sum << 16n) | BigInt(group), 0n) };
}

function groupsOf(text: string): number[] {
  // The last 32 bits may be written as a dotted quad.
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const four = dotted ? (parseAddress(dotted[2] ?? '') ?? 0) : 0;
  const plain = dotted ? `${dotted[1]}${(four >>> 16).toString(16)}:${(four & 0xffff).toString(16)}` : text;
  const [head = '', tail] = plain.split('::');
  const numbers = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const left = numbers(head);
  if (tail === undefined) return left;
  const right = numbers(tail);
  return [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
}

/** The shortest form, RFC 5952. */
export function formatIp({ family, value }: Ip): string {
  if (family === 4) return formatAddress(Number(value));
  const groups = Array.from({ length: 8 }, (_, index) => Number((value >> BigInt(112 - 16 * index)) & 0xffffn));
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at += 1) {
    let length = 0;
    while (groups[at + length] === 0) length += 1;
    if (length > best.length) best = { at, length };
  }
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(':');
  return best.at < 0 ? hex(groups) : `${hex(groups.slice(0, best.at))}::${hex(groups.slice(best.at + best.length))}`;
}

/** `address/length`; undefined when the text is not of that form. `address` keeps its host bits. */
export function parsePrefix(text: string): (Prefix & { address: bigint }) | undefined {
  const [addressText = '', lengthText = '', ...rest] = text.split('/');
  const ip = parseIp(addressText);
  if (!ip || rest.length > 0 || !/^\d{1,3}$/.test(lengthText) || Number(lengthText) > widthOf(ip.family)) return undefined;
  const length = Number(lengthText);
  return { family: ip.family, address: ip.value, base: ip.value & maskOf(ip.family, length), length };
}

/** `parsePrefix` for values that a person gave: fails with `invalid`, naming what it is for. */
export function requirePrefix(text: string, what: string): Prefix & { address: bigint } {
  const prefix = parsePrefix(text);
  if (!prefix) throw invalid(`invalid ${what} ${text}: not an address with a prefix length, such as 10.1.0.0/16`);
  return prefix;
}

export const formatPrefix = ({ family, base, length }: Prefix): string => `${formatIp({ family, value: base })}/${length}`;

export function maskOf(family: 4 | 6, length: number): bigint {
  const width = BigInt(widthOf(family));
  const all = (1n << width) - 1n;
  return all ^ (all >> BigInt(length));
}

/** How many addresses it has. */
export const countOf = ({ family, length }: Prefix): bigint => 1n << BigInt(widthOf(family) - length);

export const lastOf = (prefix: Prefix): bigint => prefix.base + countOf(prefix) - 1n;

export const holds = (prefix: Prefix, ip: Ip): boolean =>
  prefix.family === ip.family && (ip.value & maskOf(prefix.family, prefix.length)) === prefix.base;

export const prefixesOverlap = (a: Prefix, b: Prefix): boolean =>
  holds(a, { family: b.family, value: b.base }) || holds(b, { family: a.family, value: a.base });

/** In network order, as the kernel wants them: four or sixteen. */
export function ipBytes({ family, value }: Ip): Uint8Array {
  return Buffer.from(value.toString(16).padStart(widthOf(family) / 4, '0'), 'hex');
}

export function ipOfBytes(bytes: Uint8Array): Ip {
  return { family: bytes.length === 4 ? 4 : 6, value: BigInt(`0x${Buffer.from(bytes).toString('hex') || '0'}`) };
}
