import { SEVERITIES } from '../policy.ts';
import type { Distribution, Finding, Inventory, SoftwarePackage } from '../scan.ts';
import { COMPARE } from '../versions/compare.ts';
import { type Advisory, type AdvisoryIndex, packageKey } from './advisory.ts';

/** What advisories are looked up by: that of distributions is about source packages. */
const subjectOf = (item: SoftwarePackage) => item.source ?? { name: item.name, version: item.version };

/** The packages of an inventory as `loadAdvisories` wants to know them. */
export function wantedOf({ packages }: Inventory): Set<string> {
  return new Set(packages.map((item) => packageKey(item.ecosystem, subjectOf(item).name)));
}

/** What the advisories say of an inventory, worst first; one finding per weakness and package. */
export function findingsOf(inventory: Inventory, index: AdvisoryIndex): Finding[] {
  const found = new Map<string, Finding>();
  for (const item of inventory.packages) {
    const subject = subjectOf(item);
    for (const advisory of index.of(item.ecosystem, subject.name)) {
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

/** Advisories of a distribution are for one release of it. */
function concerns(advisory: Advisory, { ecosystem }: SoftwarePackage, { id, versionId, codename }: Distribution): boolean {
  if (ecosystem !== 'deb' && ecosystem !== 'apk') return true;
  const { release } = advisory;
  if (release.startsWith('ubuntu ')) return id === 'ubuntu' && release === `ubuntu ${versionId}`;
  if (ecosystem === 'deb') return id !== 'ubuntu' && ['', codename, versionId].includes(release);
  // Alpine's edge calls itself 3.22_alpha20250108.
  const own = versionId.includes('_alpha') ? 'edge' : `v${versionId.split('.').slice(0, 2).join('.')}`;
  return id === 'alpine' && (release === '' || release === own);
}

function affectedBy(advisory: Advisory, { ecosystem }: SoftwarePackage, version: string): { fixedIn: string | undefined } | undefined {
  const compare = COMPARE[ecosystem];
  for (const { introduced, fixed, last } of advisory.ranges) {
    const begun = introduced === '0' || compare(version, introduced) >= 0;
    const ended = fixed !== undefined ? compare(version, fixed) >= 0 : last !== undefined && compare(version, last) > 0;
    if (begun && !ended) return { fixedIn: fixed };
  }
  return advisory.versions.some((affected) => affected === version || compare(affected, version) === 0)
    ? { fixedIn: advisory.ranges.find(({ fixed }) => fixed !== undefined)?.fixed }
    : undefined;
}

/** The same weakness may come by several records (an advisory and its alias): they become one, as bad as the worst of them says. */
function keepWorst(found: Map<string, Finding>, advisory: Advisory, item: SoftwarePackage, fixedIn: string | undefined): void {
  const id = [advisory.id, ...advisory.aliases].find((name) => name.startsWith('CVE-')) ?? advisory.id;
  const key = `${id} ${item.ecosystem} ${item.name} ${item.version} ${item.path}`;
  const before = found.get(key);
  const worse = !before || SEVERITIES.indexOf(advisory.severity) < SEVERITIES.indexOf(before.severity);
  const names = new Set([...(before?.aliases ?? []), advisory.id, ...advisory.aliases].filter((alias) => alias !== id));
  const mended = before?.fixedIn ?? fixedIn;
  const { ecosystem, name, version, path } = item;
  found.set(key, {
    id,
    aliases: [...names],
    severity: worse ? advisory.severity : before.severity,
    summary: before?.summary || advisory.summary,
    package: { ecosystem, name, version, path },
    ...(mended === undefined ? {} : { fixedIn: mended }),
    source: worse ? advisory.source : before.source,
  });
}
