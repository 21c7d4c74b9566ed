import type { ContainerRecord, Decision, HealthProbe, Recovery } from '../../model/index.ts';
import { RESTART_UNHEALTHY, restartsUnhealthy } from './recovery-plan.ts';

/** What `why` says of a running container's health, in sentences that each begin with a blank; '' without a check. */
export function tellHealth({ spec, state }: ContainerRecord): string {
  const { health, recovery } = state;
  if (!health) return '';
  const probe = health.log.at(-1);
  const failing = probe !== undefined && probe.exitCode !== 0;
  const said = ` Its health is ${health.status}${failing ? `: the last check ended with ${words(probe)}` : ''}.`;
  const asked = restartsUnhealthy(spec);
  const hint =
    health.status === 'unhealthy' && !asked ? ` It is not restarted for that: its label ${RESTART_UNHEALTHY} does not ask for it.` : '';
  return `${said}${tellRecovery(recovery)}${hint}`;
}

function tellRecovery(recovery: Recovery | undefined): string {
  if (!recovery) return '';
  const { restarts, restartedAt, due, ending } = recovery;
  const before =
    restarts > 0
      ? ` It was restarted ${restarts === 1 ? 'once' : `${restarts} times in a row`} for being unhealthy, last at ${restartedAt}.`
      : '';
  const next = ending ? ' It is being ended now, to be started again.' : due ? ` The next restart is at ${due}, unless it recovers.` : '';
  return before + next;
}

/** The probes that are still known, as parts of the story. */
export function probesAsDecisions({ state }: ContainerRecord): Decision[] {
  return (state.health?.log ?? []).map((probe) => ({ time: probe.end, what: 'health check', why: `it ended with ${words(probe)}` }));
}

function words({ exitCode, output }: HealthProbe): string {
  const text = output.trim().slice(0, 300);
  return text === '' ? String(exitCode) : `${exitCode}: ${text}`;
}
