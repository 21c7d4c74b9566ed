import { invalid } from '../../base/index.ts';

const UNITS: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** Nanoseconds of a duration such as `1m30s`, as Docker writes them. */
export function parseDuration(text: string): number {
  const [, sign = '', amount = ''] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (amount === '0') return 0;
  if (amount === '' || text.length > 100) throw invalid(`time: invalid duration ${JSON.stringify(text.slice(0, 100))}`);
  let total = 0;
  let at = 0;
  while (at < amount.length) {
    const [all, number] = /^(\d+\.?\d*|\.\d+)/.exec(amount.slice(at)) ?? [];
    if (all === undefined) throw invalid(`time: invalid duration ${JSON.stringify(text)}`);
    at += all.length;
    const unit = /^[^\d.]*/.exec(amount.slice(at))![0];
    if (unit === '') throw invalid(`time: missing unit in duration ${JSON.stringify(text)}`);
    if (!Object.hasOwn(UNITS, unit)) throw invalid(`time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`);
    at += unit.length;
    total += Number(number) * UNITS[unit]!;
  }
  if (total >= 2 ** 63) throw invalid(`time: invalid duration ${JSON.stringify(text)}`);
  return Math.round(sign === '-' ? -total : total);
}
