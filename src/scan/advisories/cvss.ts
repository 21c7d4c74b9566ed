import type { Severity } from '../scan.ts';

type Weights = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Weights of the base metrics (CVSS v3.1 specification, section 7.4). */
const WEIGHTS: Weights = {
  AV: { N: 0.85, A: 0.62, L: 0.55, P: 0.2 },
  AC: { L: 0.77, H: 0.44 },
  UI: { N: 0.85, R: 0.62 },
  C: { H: 0.56, L: 0.22, N: 0 },
  I: { H: 0.56, L: 0.22, N: 0 },
  A: { H: 0.56, L: 0.22, N: 0 },
};
const PRIVILEGES: Weights = { U: { N: 0.85, L: 0.62, H: 0.27 }, C: { N: 0.85, L: 0.68, H: 0.5 } };

/** The base score of a CVSS v3.0 or v3.1 vector, 0 to 10; undefined when it is not one. */
export function baseScore(vector: string): number | undefined {
  if (!/^CVSS:3\.[01]\//.test(vector)) return undefined;
  const metrics = Object.fromEntries(vector.split('/').map((part) => part.split(':') as [string, string]));
  const scope = metrics.S === 'C' ? 'C' : 'U';
  const weigh = (name: string): number => WEIGHTS[name]?.[metrics[name] ?? ''] ?? Number.NaN;
  const impactBase = 1 - (1 - weigh('C')) * (1 - weigh('I')) * (1 - weigh('A'));
  const impact = scope === 'U' ? 6.42 * impactBase : 7.52 * (impactBase - 0.029) - 3.25 * (impactBase - 0.02) ** 15;
  const exploitability = 8.22 * weigh('AV') * weigh('AC') * (PRIVILEGES[scope]?.[metrics.PR ?? ''] ?? Number.NaN) * weigh('UI');
  const sum = impact <= 0 ? 0 : Math.min((scope === 'U' ? 1 : 1.08) * (impact + exploitability), 10);
  return Number.isNaN(sum) ? undefined : roundUp(sum);
}

/** To one decimal, upwards, with the specification's care for binary fractions (appendix A). */
function roundUp(value: number): number {
  const scaled = Math.round(value * 100_000);
  return scaled % 10_000 === 0 ? scaled / 100_000 : (Math.floor(scaled / 10_000) + 1) / 10;
}

/** The specification's words for a score (section 5). */
export function severityOfScore(score: number): Severity {
  if (score >= 9) return 'critical';
  if (score >= 7) return 'high';
  if (score >= 4) return 'medium';
  return score > 0 ? 'low' : 'negligible';
}
