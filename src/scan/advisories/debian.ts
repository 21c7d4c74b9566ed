import type { Severity } from '../scan.ts';
import type { AdvisoryIndex } from './advisory.ts';

/** The document of security-tracker.debian.org/tracker/data/json: package → weakness → what each release has. */
type Tracker = Record<string, Record<string, TrackerIssue>>;
interface TrackerIssue {
  description?: string;
  releases?: Record<string, { status: string; fixed_version?: string; urgency?: string }>;
}

const URGENCIES: Readonly<Record<string, Severity>> = { high: 'high', medium: 'medium', low: 'low', unimportant: 'negligible' };

/** The tracker's word for how bad a weakness is for Debian; `not yet assigned` and `end-of-life` say nothing of it. */
export const severityOfUrgency = (urgency: string): Severity => URGENCIES[urgency.replace(/\**$/, '')] ?? 'unknown';

export function isTracker(value: unknown): value is Tracker {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const [issues] = Object.values(value);
  const [issue] = typeof issues === 'object' && issues !== null ? Object.values(issues) : [];
  return typeof issue === 'object' && issue !== null && 'releases' in issue;
}

/** Answers the number of weaknesses that were added. */
export function addTracker(index: AdvisoryIndex, tracker: Tracker): number {
  let count = 0;
  for (const [name, issues] of Object.entries(tracker))
    for (const [id, { description = '', releases = {} }] of Object.entries(issues)) {
      count += 1;
      for (const [release, { status, fixed_version: fixed, urgency = '' }] of Object.entries(releases)) {
        // '0' says that this release never had it.
        if (fixed === '0' || (status !== 'open' && fixed === undefined)) continue;
        index.add('deb', name, () => ({
          ...{ id, aliases: [], source: 'debian', release, versions: [] },
          severity: severityOfUrgency(urgency),
          summary: description.slice(0, 200),
          ranges: [{ introduced: '0', ...(fixed === undefined ? {} : { fixed }) }],
        }));
      }
    }
  return count;
}
