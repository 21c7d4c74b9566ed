import type { FlagSpec } from './spec.ts';

const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

export function parseBool(text: string): boolean {
  if (TRUE.has(text)) return true;
  if (FALSE.has(text)) return false;
  throw new Error(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}

export function parseInteger(text: string): number {
  if (!/^[+-]?(\d+|0x[\da-f]+)$/i.test(text) || !Number.isSafeInteger(Number(text))) {
    throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return Number(text);
}

function parseUint16(text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`);
  if (Number(text) > 65535) throw new Error(`strconv.ParseUint: parsing ${JSON.stringify(text)}: value out of range`);
  return Number(text);
}

const SIZE_POWER: Record<string, number> = { '': 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

/** Bytes of `64m`, `1.5g`, `512kb`, `2GiB` or a bare number; units are powers of 1024, as in Docker's memory options. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?|\.\d+)\s*([kmgtp]?)(?:i?b)?$/i.exec(text.trim());
  if (!match) throw new Error(`invalid size: '${text}'`);
  return Math.trunc(Number(match[1]) * 1024 ** (SIZE_POWER[match[2]?.toLowerCase() ?? ''] ?? 0));
}

/** As `parseSize`, and `-1` for "no limit". */
function parseSizeOrUnlimited(text: string): number {
  return text === '-1' ? -1 : parseSize(text);
}

const UNIT_NANOSECONDS: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** Nanoseconds of a Go duration such as `1m30s`, `1.5h`, `250ms` or `0`. */
export function parseDuration(text: string): number {
  if (/^[+-]?0$/.test(text)) return 0;
  const whole = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.exec(text);
  if (!whole) {
    const reason = /^[+-]?(\d+\.?\d*|\.\d+)$/.test(text) ? 'missing unit in duration' : 'invalid duration';
    throw new Error(`time: ${reason} ${JSON.stringify(text)}`);
  }
  let total = 0;
  for (const [, amount, unit] of (whole[2] ?? '').matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    total += Number(amount) * (UNIT_NANOSECONDS[unit ?? ''] ?? 0);
  }
  return Math.round(whole[1] === '-' ? -total : total);
}

/** Billionths of a processor of `1.5`; at most nine decimals. */
export function parseDecimal(text: string): number {
  if (!/^\d*\.?\d+$|^\d+\.$/.test(text)) throw new Error(`failed to parse ${text} as a rational number`);
  const nano = Number(text) * 1e9;
  if (Math.abs(nano - Math.round(nano)) > 1e-3) throw new Error('value is too precise');
  return Math.round(nano);
}

function checkPair(text: string): void {
  if (!text.includes('=')) throw new Error('bad format of filter (expected name=value)');
}

/** Fields of one CSV line; quotes may hold commas and doubled quotes. */
export function splitCsv(line: string): string[] {
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    if (line[at] === '"') {
      const quoted = /^"((?:[^"]|"")*)"(?=,|$)/.exec(line.slice(at));
      if (!quoted) throw new Error(`parse error on line 1, column ${at + 1}: extraneous or missing " in quoted-field`);
      fields.push((quoted[1] ?? '').replaceAll('""', '"'));
      at += quoted[0].length;
    } else {
      const end = line.indexOf(',', at);
      const field = line.slice(at, end < 0 ? line.length : end);
      if (field.includes('"')) throw new Error(`parse error on line 1, column ${at + field.indexOf('"') + 1}: bare " in non-quoted-field`);
      fields.push(field);
      at += field.length;
    }
    if (at >= line.length) return fields;
    at += 1;
  }
}

export type FlagValue = boolean | string | number | string[];

/** The value after `text` is given once more for `spec`; `before` is what it held. Throws an Error that says why not. */
export function nextValue(spec: FlagSpec, text: string, before: FlagValue | undefined): FlagValue {
  spec.check?.(text);
  const list = Array.isArray(before) ? before : [];
  switch (spec.kind) {
    case 'bool':
      return parseBool(text);
    case 'int':
      return parseInteger(text);
    case 'uint16':
      return parseUint16(text);
    case 'bytes':
      return spec.name === 'memory-swap' ? parseSizeOrUnlimited(text) : parseSize(text);
    case 'decimal':
      return parseDecimal(text);
    case 'duration':
      return parseDuration(text);
    case 'csv':
      return [...list, ...splitCsv(text)];
    case 'filter':
      checkPair(text);
      return [...list, text];
    case 'list':
    case 'map':
      return [...list, text];
    case 'string':
      return text;
  }
}
