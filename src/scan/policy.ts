import { invalid } from '../base/index.ts';
import type { Finding, ScanPolicy, Severity } from './scan.ts';

/** Worst first. */
export const SEVERITIES: readonly Severity[] = ['critical', 'high', 'medium', 'low', 'negligible', 'unknown'];

const KEYS = ['run', 'ignore', 'onlyFixed'];

/** Reads a policy document. Every field is checked: a policy that is misread would let things through. */
export function parseScanPolicy(text: string, where: string): ScanPolicy {
  const document = parseObject(text, where);
  for (const key of Object.keys(document))
    if (!KEYS.includes(key)) throw invalid(`${where}: unknown key ${JSON.stringify(key)}`, `Known are ${KEYS.join(', ')}.`);
  const { ignore = [], onlyFixed = false } = document;
  if (!Array.isArray(ignore) || !ignore.every((id) => typeof id === 'string'))
    throw invalid(`${where}: "ignore" must be a list of advisory ids`);
  if (typeof onlyFixed !== 'boolean') throw invalid(`${where}: "onlyFixed" must be true or false`);
  const run = severityOf(document, 'run', where);
  return { ...(run ? { run } : {}), ignore, onlyFixed };
}

function parseObject(text: string, where: string): Record<string, unknown> {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw invalid(`${where} is not JSON: ${(error as Error).message}`);
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) throw invalid(`${where} must hold a JSON object`);
  return document as Record<string, unknown>;
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

/** The findings that a threshold refuses, worst first. */
export function refusedBy(policy: ScanPolicy, threshold: Severity, findings: readonly Finding[]): Finding[] {
  const ignored = new Set(policy.ignore);
  return findings.filter(
    ({ id, aliases, severity, fixedIn }) =>
      isAtLeast(severity, threshold) && !(policy.onlyFixed && fixedIn === undefined) && ![id, ...aliases].some((name) => ignored.has(name)),
  );
}
