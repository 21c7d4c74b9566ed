import type { Ecosystem, Severity } from '../scan.ts';

/** One weakness of one package, in the terms that all kinds of data share. */
export interface Advisory {
  id: string;
  aliases: string[];
  severity: Severity;
  summary: string;
  source: 'osv' | 'debian' | 'alpine';
  /** The release of a distribution that it is about: a codename (`bookworm`) or a number (`12`, `v3.18`, `ubuntu 22.04`); '' for all. */
  release: string;
  /** Affected from `introduced` ('0' is the first) until before `fixed`, or up to `last`. */
  ranges: { introduced: string; fixed?: string; last?: string }[];
  /** Affected versions, named one by one. */
  versions: string[];
}

/**
 * Advisories of those packages that somebody asked about, by ecosystem and name (`packageKey`): all of them would fill the memory.
 * How many there were in all is counted by ecosystem.
 */
export class AdvisoryIndex {
  readonly #wanted: ReadonlySet<string>;
  readonly #advisories = new Map<string, Advisory[]>();
  readonly counts = new Map<Ecosystem, number>();

  constructor(wanted: ReadonlySet<string>) {
    this.#wanted = wanted;
  }

  /** `make` is called only when the package is wanted. */
  add(ecosystem: Ecosystem, name: string, make: () => Advisory): void {
    this.counts.set(ecosystem, (this.counts.get(ecosystem) ?? 0) + 1);
    const key = packageKey(ecosystem, name);
    if (!this.#wanted.has(key)) return;
    const there = this.#advisories.get(key);
    if (there) there.push(make());
    else this.#advisories.set(key, [make()]);
  }

  of(ecosystem: Ecosystem, name: string): readonly Advisory[] {
    return this.#advisories.get(packageKey(ecosystem, name)) ?? [];
  }
}

/** Names that ecosystems take for the same have one key. */
export function packageKey(ecosystem: Ecosystem, name: string): string {
  return `${ecosystem} ${ecosystem === 'pypi' ? name.toLowerCase().replace(/[-_.]+/g, '-') : name}`;
}
