import { invalid, parseNanoseconds } from '../../../base/index.ts';

const UNITS: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/**
 * A point in time as Docker's clients write it: Unix seconds with or without a fraction, RFC 3339, a date, or a
 * duration such as `10m` or `1h30m` before now. Nanoseconds since the epoch. Fails with `invalid` naming `name`.
 */
export function parseTimestamp(name: string, text: string, nowMilliseconds: number): bigint {
  const unix = /^(-?\d{1,18})(?:\.(\d{1,18}))?$/.exec(text);
  if (unix) return BigInt(unix[1] ?? '0') * 1_000_000_000n + BigInt((unix[2] ?? '').slice(0, 9).padEnd(9, '0'));
  const duration = parseDuration(text);
  if (duration !== undefined) return BigInt(Math.round(nowMilliseconds * 1e6 - duration));
  // A date or a time without a zone means the local one of the daemon: UTC here.
  const date = /^(\d{4}-\d\d-\d\d)(?:T(\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?))?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  const time = (date?.[2] ?? '00').split(':');
  const parsed = date && parseNanoseconds(`${date[1]}T${time[0]}:${time[1] ?? '00'}:${time[2] ?? '00'}${date[3] ?? 'Z'}`);
  if (parsed === undefined || parsed === null) throw invalid(`invalid value for ${name}: '${text}' is neither a timestamp nor a duration`);
  return parsed;
}

/** Nanoseconds of `1h30m`; undefined when it is no duration. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) total += Number(amount) * (UNITS[unit ?? ''] ?? 0);
  return total;
}
