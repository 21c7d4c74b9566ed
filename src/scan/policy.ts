import { invalid, objectOf, parseDocument } from '../base/index.ts';
import type { Exception, Finding, ScanPolicy, Severity } from './scan.ts';

/** Worst first. */
export const SEVERITIES: readonly Severity[] = ['critical', 'high', 'medium', 'low', 'negligible', 'unknown'];

const KEYS = ['run', 'pull', 'ignore', 'onlyFixed'];
const EXCEPTION_KEYS = ['id', 'reason', 'until', 'package'];

/** Reads a policy document. Every field is checked: a policy that is misread would let things through. */
export function parseScanPolicy(text: string, where: string): ScanPolicy {
  const document = parseDocument(text, where, KEYS);
  const { ignore = [], onlyFixed = false } = document;
  if (!Array.isArray(ignore))
    throw invalid(`${where}: "ignore" must be a list of advisory ids, or of objects with ${EXCEPTION_KEYS.join(', ')}`);
  if (typeof onlyFixed !== 'boolean') throw invalid(`${where}: "onlyFixed" must be true or false`);
  const [run, pull] = [severityOf(document, 'run', where), severityOf(document, 'pull', where)];
  const exceptions = ignore.map((entry, index) => parseException(entry, `${where}: entry ${index + 1} of "ignore"`));
  return { ...(run ? { run } : {}), ...(pull ? { pull } : {}), ignore: exceptions, onlyFixed };
}

function parseException(value: unknown, where: string): Exception {
  if (typeof value === 'string' && value !== '') return { id: value };
  const { id, reason, until, package: name } = objectOf(value, where, EXCEPTION_KEYS);
  if (typeof id !== 'string' || id === '') throw invalid(`${where}: "id" must be an advisory's id`);
  for (const [key, text] of Object.entries({ reason, package: name }))
    if (text !== undefined && (typeof text !== 'string' || text === '')) throw invalid(`${where}: "${key}" must be text`);
  if (until !== undefined && !isDay(until)) throw invalid(`${where}: "until" is ${JSON.stringify(until)}, not a day such as "2026-12-31"`);
  return {
    id,
    ...(reason === undefined ? {} : { reason: reason as string }),
    ...(until === undefined ? {} : { until }),
    ...(name === undefined ? {} : { package: name as string }),
  };
}

function isDay(value: unknown): value is string {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d$/.test(value)) return false;
  const day = new Date(`${value}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(value);
}

function severityOf(document: Record<string, unknown>, key: string, where: string): Severity | undefined {
  const value = document[key];
  if (value === undefined) return undefined;
  if (SEVERITIES.includes(value as Severity)) return value as Severity;
  throw invalid(`${where}: "${key}" is ${JSON.stringify(value)}, not a severity`, `Severities are ${SEVERITIES.join(', ')}.`);
}

export function isAtLeast(severity: Severity, threshold: Severity): boolean {
  return SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(threshold);
}

/** Findings with what the policy excepts marked as such. `now` is in milliseconds of the epoch; an exception holds to the end of its day, UTC. */
export function markIgnored(policy: ScanPolicy, findings: readonly Finding[], now: number): Finding[] {
  const today = new Date(now).toISOString().slice(0, 10);
  const valid = policy.ignore.filter(({ until }) => until === undefined || until >= today);
  return findings.map((finding) => {
    const ids = [finding.id, ...finding.aliases];
    const exception = valid.find(({ id, package: name }) => ids.includes(id) && (name === undefined || name === finding.package.name));
    const { reason, until } = exception ?? {};
    return exception ? { ...finding, ignored: { ...(reason ? { reason } : {}), ...(until ? { until } : {}) } } : finding;
  });
}

/** The findings that a threshold refuses, worst first. */
export function refusedBy(policy: ScanPolicy, threshold: Severity, findings: readonly Finding[]): Finding[] {
  return findings.filter(
    ({ severity, fixedIn, ignored }) =>
      isAtLeast(severity, threshold) && !(policy.onlyFixed && fixedIn === undefined) && ignored === undefined,
  );
}

/** How many there are of each severity, without those that are ignored. */
export function countFindings(findings: readonly Finding[]): Record<Severity, number> {
  const counts = Object.fromEntries(SEVERITIES.map((severity) => [severity, 0])) as Record<Severity, number>;
  for (const { severity, ignored } of findings) if (!ignored) counts[severity] += 1;
  return counts;
}
