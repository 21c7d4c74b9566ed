import type { Page } from '../registry.ts';

/** Names in the order of their bytes (all are ASCII) that come after `last`, at most `limit`. */
export function pageOf(names: readonly string[], { last, limit }: Page): string[] {
  const sorted = names.filter((name) => last === undefined || name > last).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return sorted.slice(0, limit);
}
