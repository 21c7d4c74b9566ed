import { SEVERITIES } from '../policy.ts';
import type { Distribution, Finding, Inventory, Severity, SoftwarePackage } from '../scan.ts';
import { COMPARE } from '../versions/compare.ts';
import { type Advisory, type AdvisoryIndex, packageKey } from './advisory.ts';

/** What the advisories say of an inventory, worst first; one finding per weakness and package. */
export function findingsOf(inventory: Inventory, index: AdvisoryIndex): Finding[] {
  const found = new Map<string, Finding>();
  for (const item of inventory.packages) {
    const subject = item.source ?? { name: item.name, version: item.version };
    for (const advisory of index.get(packageKey(item.ecosystem, subject.name)) ?? []) {
      if (!concerns(advisory, item, inventory.distribution)) continue;
      const affected = affectedBy(advisory, item, subject.version);
      if (affected) keepWorst(found, advisory, item, affected.fixedIn);
    }
  }
  return [...found.values()].sort(
    (a, b) =>
      SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
      compareTexts(a.id, b.id) ||
      compareTexts(a.package.name, b.package.name),
  );
}

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export function countFindings(findings: readonly Finding[]): Record<Severity, number> {
  const counts = Object.fromEntries(SEVERITIES.map((severity) => [severity, 0])) as Record<Severity, number>;
  for (const { severity } of findings) counts[severity] += 1;
  return counts;
}

/** Advisories of a distribution are for one release of it. */
function concerns(advisory: Advisory, { ecosystem }: SoftwarePackage, { id, versionId, codename }: Distribution): boolean {
  if (ecosystem !== 'deb' && ecosystem !== 'apk') return true;
  if (advisory.release.startsWith('ubuntu ')) return id === 'ubuntu' && advisory.release.split(/[ :]/).includes(versionId);
  if (ecosystem === 'deb') return id !== 'ubuntu' && ['', codename, versionId].includes(advisory.release);
  return advisory.release === '' || advisory.release === `v${versionId.split('.').slice(0, 2).join('.')}`;
}

function affectedBy(advisory: Advisory, { ecosystem }: SoftwarePackage, version: string): { fixedIn: string | undefined } | undefined {
  const compare = COMPARE[ecosystem];
  for (const { introduced, fixed, last } of advisory.ranges) {
    const begun = introduced === '0' || compare(version, introduced) >= 0;
    const ended = fixed !== undefined ? compare(version, fixed) >= 0 : last !== undefined && compare(version, last) > 0;
    if (begun && !ended) return { fixedIn: fixed };
  }
  return advisory.versions.includes(version) ? { fixedIn: advisory.ranges.find(({ fixed }) => fixed !== undefined)?.fixed } : undefined;
}

/** The same weakness may come by several records (an advisory and its alias): the one with the worst severity stays. */
function keepWorst(found: Map<string, Finding>, advisory: Advisory, item: SoftwarePackage, fixedIn: string | undefined): void {
  const id = [advisory.id, ...advisory.aliases].find((name) => name.startsWith('CVE-')) ?? advisory.id;
  const key = `${id} ${item.ecosystem} ${item.name} ${item.version}`;
  const before = found.get(key);
  if (before && SEVERITIES.indexOf(before.severity) <= SEVERITIES.indexOf(advisory.severity)) return;
  const { ecosystem, name, version, path } = item;
  found.set(key, {
    id,
    aliases: [advisory.id, ...advisory.aliases].filter((alias) => alias !== id),
    severity: advisory.severity,
    summary: advisory.summary,
    package: { ecosystem, name, version, path },
    ...(fixedIn === undefined ? {} : { fixedIn }),
    source: advisory.source,
  });
}
