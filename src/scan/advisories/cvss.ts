import calculator from 'ae-cvss-calculator';
import type { Severity } from '../scan.ts';

/** All base metrics of CVSS 4.0 must be there: the calculator takes what is missing for harmless. */
const V4_METRICS = ['AV', 'AC', 'AT', 'PR', 'UI', 'VC', 'VI', 'VA', 'SC', 'SI', 'SA'];
const MOST_CHARACTERS = 500;

/** The score of a CVSS vector of any version (2.0 to 4.0), 0 to 10; undefined when it is not one, or not whole. */
export function scoreOf(vector: string): number | undefined {
  if (vector.length > MOST_CHARACTERS) return undefined;
  const fourth = vector.startsWith('CVSS:4.');
  if (fourth && !V4_METRICS.every((metric) => new RegExp(`/${metric}:[A-Z](/|$)`).test(vector))) return undefined;
  const scores = calculator.fromVector(vector)?.calculateScores();
  // CVSS 4 has one score, of all metrics that are given; before, the base score is what is published.
  const score = scores && (fourth ? scores.overall : 'base' in scores ? scores.base : undefined);
  return typeof score === 'number' && Number.isFinite(score) ? score : undefined;
}

/** The specifications' words for a score (CVSS 3.1, section 5; CVSS 4.0, section 6). */
export function severityOfScore(score: number): Severity {
  if (score >= 9) return 'critical';
  if (score >= 7) return 'high';
  if (score >= 4) return 'medium';
  return score > 0 ? 'low' : 'negligible';
}
