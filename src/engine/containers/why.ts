import type { ContainerRecord, Decision } from '../../model/index.ts';
import { probesAsDecisions, tellHealth } from '../health/story.ts';

/** The story of a container: what it is now, the sentence that explains it best, and the decisions kept. */
export function explain(
  record: ContainerRecord,
  decisions: Decision[],
  now: number,
): { subject: string; state: string; summary: string; decisions: Decision[] } {
  return {
    subject: `container ${record.name} (${record.id.slice(0, 12)})`,
    state: record.state.status,
    summary: summary(record, decisions, now),
    decisions: [...decisions, ...probesAsDecisions(record)].sort((a, b) => Date.parse(a.time) - Date.parse(b.time)),
  };
}

function summary(record: ContainerRecord, decisions: Decision[], now: number): string {
  const { state } = record;
  const last = (what: string) => decisions.findLast((d) => d.what === what)?.why;
  switch (state.status) {
    case 'created':
      return state.error ? `It did not start: ${state.error}.` : 'It was created and nobody has started it yet.';
    case 'running':
      return `It has been running for ${age(now - Date.parse(state.startedAt))}: ${last('started') ?? 'it was started'}.${tellHealth(record)}${place(record)}`;
    case 'paused':
      return 'Someone paused it; its processes are frozen until it is unpaused.';
    case 'restarting':
      if (state.stoppedByUser) return 'It is being started again: someone asked for it.';
      return `It keeps ending and is started again: ${last('exited') ?? ''}; ${last('restart') ?? ''}.`;
    case 'removing':
    case 'dead':
      return state.error ? `It is being removed, which failed: ${state.error}.` : 'It is being removed.';
    default:
      return ended(record, last);
  }
}

function ended(record: ContainerRecord, last: (what: string) => string | undefined): string {
  const { state } = record;
  if (state.error) return `It did not start: ${state.error}.`;
  const cause = state.oomKilled
    ? (last('oom') ?? 'the kernel killed it for want of memory')
    : state.stoppedByUser
      ? `someone stopped it${last('killed') ? ` (${last('killed')})` : ''}`
      : (last('exited') ?? `it ended with exit code ${state.exitCode}`);
  return `It is not running: ${cause}. It is not started again because ${last('no restart') ?? 'nobody asked for it'}.`;
}

function place({ standby, relievedBy }: ContainerRecord): string {
  if (standby) {
    const until = standby.for === '' ? 'come into service' : `take over from ${standby.for.slice(0, 12)}`;
    return ` It stands by to ${until}: until then it has no published ports and no names.`;
  }
  if (relievedBy === undefined) return '';
  const why = relievedBy === '' ? 'It is found by no name any more' : `${relievedBy.slice(0, 12)} has taken over its ports and names`;
  return ` ${why}; it only serves the connections that it has.`;
}

function age(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 120) return `${seconds} seconds`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} minutes`;
  return `${Math.round(seconds / 3600)} hours`;
}
