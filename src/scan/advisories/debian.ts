import type { Severity } from '../scan.ts';
import { type AdvisoryIndex, addAdvisory, packageKey } from './advisory.ts';

/** The document of security-tracker.debian.org/tracker/data/json: package → weakness → what each release has. */
type Tracker = Record<string, Record<string, TrackerIssue>>;
interface TrackerIssue {
  description?: string;
  releases?: Record<string, { status: string; fixed_version?: string; urgency?: string }>;
}

const URGENCIES: Readonly<Record<string, Severity>> = {
  high: 'high',
  medium: 'medium',
  low: 'low',
  unimportant: 'negligible',
  'end-of-life': 'unknown',
};

export function isTracker(value: unknown): value is Tracker {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const [issues] = Object.values(value);
  const [issue] = typeof issues === 'object' && issues !== null ? Object.values(issues) : [];
  return typeof issue === 'object' && issue !== null && 'releases' in issue;
}

/** Resolves to the number of weaknesses that were added. */
export function addTracker(index: AdvisoryIndex, tracker: Tracker): number {
  let count = 0;
  for (const [name, issues] of Object.entries(tracker))
    for (const [id, { description = '', releases = {} }] of Object.entries(issues)) {
      count += 1;
      for (const [release, { status, fixed_version: fixed, urgency = '' }] of Object.entries(releases)) {
        // '0' says that this release never had it.
        if (fixed === '0' || (status !== 'open' && fixed === undefined)) continue;
        addAdvisory(index, packageKey('deb', name), {
          id,
          aliases: [],
          severity: URGENCIES[urgency.replace(/\**$/, '')] ?? 'unknown',
          summary: description.slice(0, 200),
          source: 'debian',
          release,
          ranges: [{ introduced: '0', ...(fixed === undefined ? {} : { fixed }) }],
          versions: [],
        });
      }
    }
  return count;
}
