import type { Filters } from './filters.ts';
import { matchesLabels } from './filters.ts';
import { parseTimestamp } from './timestamps.ts';

export const PRUNE_FILTERS = ['until', 'label', 'label!'];

/** `until` and labels: what was made before that time and has the labels may go. `created` is RFC 3339. */
export function pruneFilter(filters: Filters, now: number): (created: string, labels: Record<string, string>) => boolean {
  const limits = filters.get('until').map((value) => Number(parseTimestamp('until', value, now) / 1_000_000n));
  return (created, labels) => limits.every((limit) => Date.parse(created) < limit) && matchesLabels(filters, labels);
}
