import { invalid } from '../base/index.ts';

/** What the operator lets the data root take: bytes, or a share of the disk that it is on. */
export type DiskLimit = { bytes: number } | { percent: number };

const UNITS: Readonly<Record<string, number>> = { '': 1, b: 1 };
for (const [power, letter] of ['k', 'm', 'g', 't', 'p'].entries()) {
  Object.assign(UNITS, { [letter]: 1024 ** (power + 1), [`${letter}ib`]: 1024 ** (power + 1), [`${letter}b`]: 1000 ** (power + 1) });
}
/** Bytes: less would not even hold the engine's own state and one small image. */
const SMALLEST = 64 * 1024 * 1024;

/** Reads `--disk-budget`: `40GiB`, `40GB` (decimal), `40g` (binary, as elsewhere in Docker), `30%`; `off` is none. */
export function parseDiskLimit(text: string): DiskLimit | undefined {
  if (text === 'off') return undefined;
  const [, number = '', unit = ''] = /^(\d{1,15}(?:\.\d{1,6})?)\s*(%|[a-z]*)$/i.exec(text.trim()) ?? [];
  if (number === '') throw notUnderstood(text);
  if (unit === '%') {
    const percent = Number(number);
    if (percent <= 0 || percent > 100)
      throw invalid(`--disk-budget ${text} is not a share of the disk: it must be above 0 % and at most 100 %`);
    return { percent };
  }
  const factor = UNITS[unit.toLowerCase()];
  if (factor === undefined) throw notUnderstood(text);
  const bytes = Math.floor(Number(number) * factor);
  if (bytes < SMALLEST) throw invalid(`--disk-budget ${text} is less than 64 MiB: no image would fit`);
  return { bytes };
}

export const limitBytes = (limit: DiskLimit, diskSize: number): number =>
  'bytes' in limit ? limit.bytes : Math.floor((diskSize * limit.percent) / 100);

const notUnderstood = (text: string) =>
  invalid(`--disk-budget ${text} is not understood`, 'Write 40GiB, 500GB, 30% (of the disk that the data root is on), or off.');

/** Such as `41.2 GiB`. */
export function shownBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let [value, unit] = [bytes, 0];
  for (; value >= 1000 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
