import type { AdvisoryIndex } from './advisory.ts';

/** A document of secdb.alpinelinux.org (`v3.20/main.json`): what each version of a package mends. */
interface SecurityDatabase {
  distroversion: string;
  packages: { pkg: { name: string; secfixes: Record<string, string[]> } }[];
}

export function isSecurityDatabase(value: unknown): value is SecurityDatabase {
  const document = value as Partial<SecurityDatabase> | null;
  if (typeof document !== 'object' || document === null || typeof document.distroversion !== 'string') return false;
  return Array.isArray(document.packages) && document.packages.every((entry) => typeof entry?.pkg?.name === 'string');
}

/** Answers the number of weaknesses that were added. The database tells only those that are mended, and not how bad they are. */
export function addSecurityDatabase(index: AdvisoryIndex, { distroversion, packages }: SecurityDatabase): number {
  let count = 0;
  for (const { pkg } of packages)
    for (const [fixed, lines] of Object.entries(pkg.secfixes ?? {})) {
      // '0' says that the package never had it.
      if (fixed === '0') continue;
      for (const line of lines ?? []) {
        const [id = '', ...aliases] = line.split(/\s+/).filter(Boolean);
        if (id === '') continue;
        count += 1;
        index.add('apk', pkg.name, () => ({
          ...{ id, aliases, severity: 'unknown', summary: '', source: 'alpine', release: distroversion, versions: [] },
          ranges: [{ introduced: '0', fixed }],
        }));
      }
    }
  return count;
}
