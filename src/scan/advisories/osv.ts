import type { Ecosystem, Severity } from '../scan.ts';
import { type Advisory, type AdvisoryIndex, addAdvisory, packageKey } from './advisory.ts';
import { baseScore, severityOfScore } from './cvss.ts';

/** The parts that are read of an OSV record (OSV schema 1.6). */
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

const WORDS: Readonly<Record<string, Severity>> = { critical: 'critical', high: 'high', moderate: 'medium', medium: 'medium', low: 'low' };

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
    addAdvisory(index, packageKey(ecosystem, affected.package.name), {
      id: record.id,
      aliases: [...(record.aliases ?? []), ...(record.upstream ?? [])],
      severity: severityOf(record, affected),
      summary: record.summary ?? firstLine(record.details ?? ''),
      source: 'osv',
      release: name === 'Ubuntu' ? `ubuntu ${rest.join(':')}` : rest.join(':'),
      ranges: (affected.ranges ?? []).filter(({ type }) => type !== 'GIT').flatMap(({ events }) => rangesOf(events)),
      versions: affected.versions ?? [],
    });
  }
}

const firstLine = (text: string): string => text.split('\n', 1)[0]?.slice(0, 200) ?? '';

function severityOf(record: OsvRecord, affected: OsvAffected): Severity {
  for (const { type, score } of [...(affected.severity ?? []), ...(record.severity ?? [])]) {
    const number = type === 'CVSS_V3' ? baseScore(score) : undefined;
    if (number !== undefined) return severityOfScore(number);
  }
  return WORDS[(record.database_specific?.severity ?? '').toLowerCase()] ?? 'unknown';
}

/** Events come in order: each `introduced` opens a range, `fixed` or `last_affected` closes it. */
function rangesOf(events: readonly Record<string, string>[]): Advisory['ranges'] {
  const ranges: Advisory['ranges'] = [];
  for (const event of events) {
    const open = ranges.at(-1);
    if (event.introduced !== undefined) ranges.push({ introduced: event.introduced });
    else if (open && event.fixed !== undefined) open.fixed = event.fixed;
    else if (open && event.last_affected !== undefined) open.last = event.last_affected;
  }
  return ranges;
}
