import type { Ecosystem, Severity } from '../scan.ts';

/** One weakness of one package, in the terms that both kinds of data share. */
export interface Advisory {
  id: string;
  aliases: string[];
  severity: Severity;
  summary: string;
  source: 'osv' | 'debian';
  /** The release of a distribution that it is about: a codename (`bookworm`) or a number (`12`, `v3.18`); '' for all. */
  release: string;
  /** Affected from `introduced` ('0' is the first) until before `fixed`, or up to `last`. */
  ranges: { introduced: string; fixed?: string; last?: string }[];
  /** Affected versions, named one by one. */
  versions: string[];
}

/** By ecosystem and package name (`packageKey`). */
export type AdvisoryIndex = Map<string, Advisory[]>;

export function packageKey(ecosystem: Ecosystem, name: string): string {
  return `${ecosystem} ${ecosystem === 'pypi' ? name.toLowerCase().replace(/[-_.]+/g, '-') : name}`;
}

export function addAdvisory(index: AdvisoryIndex, key: string, advisory: Advisory): void {
  const there = index.get(key);
  if (there) there.push(advisory);
  else index.set(key, [advisory]);
}
