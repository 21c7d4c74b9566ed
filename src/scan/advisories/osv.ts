import type { Ecosystem, Severity } from '../scan.ts';
import type { Advisory, AdvisoryIndex } from './advisory.ts';
import { scoreOf, severityOfScore } from './cvss.ts';
import { severityOfUrgency } from './debian.ts';

/** The parts that are read of an OSV record (OSV schema 1.7). */
interface OsvRecord {
  id: string;
  aliases?: string[];
  upstream?: string[];
  summary?: string;
  details?: string;
  withdrawn?: string;
  severity?: OsvSeverity[];
  database_specific?: { severity?: string };
  affected?: OsvAffected[];
}
interface OsvSeverity {
  type: string;
  score: string;
}
interface OsvAffected {
  package?: { ecosystem: string; name: string };
  severity?: OsvSeverity[];
  ranges?: { type: string; events: Record<string, string>[] }[];
  versions?: string[];
  ecosystem_specific?: { urgency?: string };
}

const ECOSYSTEMS: Readonly<Record<string, Ecosystem>> = {
  Debian: 'deb',
  Ubuntu: 'deb',
  Alpine: 'apk',
  npm: 'npm',
  PyPI: 'pypi',
  Go: 'golang',
  Maven: 'maven',
};

/** GitHub's words, and Ubuntu's priorities. */
const WORDS: Readonly<Record<string, Severity>> = {
  ...{ critical: 'critical', high: 'high', moderate: 'medium', medium: 'medium', low: 'low', negligible: 'negligible' },
};
/** Which of several counts. */
const SEVERITY_TYPES = ['Ubuntu', 'CVSS_V4', 'CVSS_V3', 'CVSS_V2'];

export function isOsvRecord(value: unknown): value is OsvRecord {
  const record = value as Partial<OsvRecord> | null;
  return typeof record === 'object' && record !== null && typeof record.id === 'string' && Array.isArray(record.affected);
}

/** Adds what a record says of packages of ecosystems that are known; withdrawn ones say nothing. */
export function addOsvRecord(index: AdvisoryIndex, record: OsvRecord): void {
  if (record.withdrawn !== undefined) return;
  for (const affected of record.affected ?? []) {
    const [name = '', ...rest] = (affected.package?.ecosystem ?? '').split(':');
    const ecosystem = ECOSYSTEMS[name];
    if (!affected.package || ecosystem === undefined) continue;
    const release = name === 'Ubuntu' ? ubuntuRelease(rest) : rest.join(':');
    if (release !== undefined) index.add(ecosystem, affected.package.name, () => advisoryOf(record, affected, release));
  }
}

function advisoryOf(record: OsvRecord, affected: OsvAffected, release: string): Advisory {
  return {
    id: record.id,
    aliases: [...(record.aliases ?? []), ...(record.upstream ?? [])],
    severity: severityOf(record, affected),
    summary: record.summary ?? firstLine(record.details ?? ''),
    source: 'osv',
    release,
    ranges: (affected.ranges ?? []).filter(({ type }) => type !== 'GIT').flatMap(({ events }) => rangesOf(events)),
    versions: (affected.versions ?? []).filter((version) => typeof version === 'string'),
  };
}

/** `22.04` of `22.04:LTS`. Undefined for what only subscribers get (`Pro:…`): their fixes are not in the archive that an image has. */
function ubuntuRelease(parts: readonly string[]): string | undefined {
  const [version = ''] = parts;
  return /^\d\d\.\d\d$/.test(version) ? `ubuntu ${version}` : undefined;
}

const firstLine = (text: string): string => text.split('\n', 1)[0]?.slice(0, 200) ?? '';

function severityOf(record: OsvRecord, affected: OsvAffected): Severity {
  const { urgency = '' } = affected.ecosystem_specific ?? {};
  // Debian knows better than a score that it does not matter there.
  if (severityOfUrgency(urgency) === 'negligible') return 'negligible';
  const said = [...(affected.severity ?? []), ...(record.severity ?? [])];
  for (const wanted of SEVERITY_TYPES)
    for (const { type, score } of said) {
      if (type !== wanted) continue;
      const number = type === 'Ubuntu' ? undefined : scoreOf(score);
      const severity = type === 'Ubuntu' ? WORDS[score.toLowerCase()] : number === undefined ? undefined : severityOfScore(number);
      if (severity !== undefined) return severity;
    }
  return WORDS[(record.database_specific?.severity ?? '').toLowerCase()] ?? severityOfUrgency(urgency);
}

/** Events come in order: each `introduced` opens a range, `fixed` or `last_affected` closes it. */
function rangesOf(events: readonly Record<string, unknown>[]): Advisory['ranges'] {
  const ranges: Advisory['ranges'] = [];
  for (const { introduced, fixed, last_affected: last } of events) {
    const open = ranges.at(-1);
    if (typeof introduced === 'string') ranges.push({ introduced });
    else if (open && typeof fixed === 'string') open.fixed = fixed;
    else if (open && typeof last === 'string') open.last = last;
  }
  return ranges;
}
