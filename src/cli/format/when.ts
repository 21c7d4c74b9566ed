import { parseNanoseconds } from '../../base/index.ts';
import { CommandFailure } from '../failure.ts';
import { parseDuration } from '../flags/index.ts';

const seconds = (nanoseconds: bigint) => `${nanoseconds / 1_000_000_000n}.${(nanoseconds % 1_000_000_000n).toString().padStart(9, '0')}`;

/** Adds what a shortened time leaves out: `2026-11-22T10` is at 00 minutes, in the local zone. */
function completeTime(text: string): string | undefined {
  const match = /^(\d{4}-\d\d-\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(\.\d+)?)?)?)?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  if (!match) return undefined;
  const [, day, hour = '00', minute = '00', second = '00', fraction = '', zone] = match;
  const plain = `${day}T${hour}:${minute}:${second}`;
  if (zone) return `${plain}${fraction}${zone}`;
  const local = new Date(plain);
  return Number.isNaN(local.getTime()) ? undefined : local.toISOString().replace(/\.\d+Z$/, `${fraction}Z`);
}

/**
 * The API's form (`seconds.nanoseconds` since the epoch) of a moment: RFC 3339 in whole or in part, seconds, or a length
 * of time before `now` (milliseconds). Throws `CommandFailure` that names it otherwise.
 */
export function momentQuery(text: string, now: number, flag?: string): string | undefined {
  if (text === '') return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return text;
  try {
    return seconds(BigInt(now) * 1_000_000n - BigInt(parseDuration(text)));
  } catch {
    const whole = completeTime(text);
    const nanoseconds = whole === undefined ? undefined : parseNanoseconds(whole);
    if (nanoseconds === undefined)
      throw new CommandFailure(
        `${flag ? `invalid value for "${flag}": ` : ''}failed to parse value as time or duration: ${JSON.stringify(text)}`,
      );
    return seconds(nanoseconds);
  }
}
