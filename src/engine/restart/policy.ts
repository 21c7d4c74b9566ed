import type { Recovery, RestartPolicy } from '../../model/index.ts';

/** First wait before a restart, doubled each time. Milliseconds; Docker's numbers. */
const FIRST_DELAY = 100;
const LONGEST_DELAY = 60_000;
/** A container that lived this long starts again from the first delay. */
const STEADY_AFTER = 10_000;

export interface ExitFacts {
  exitCode: number;
  stoppedByUser: boolean;
  /** It was ended because it was unhealthy. */
  unhealthy: boolean;
  /** Automatic restarts since the user's last start. */
  restartCount: number;
  /** Milliseconds that it lived. */
  lived: number;
  /** The wait before the start that has just ended, 0 for none. */
  lastDelay: number;
}

export interface RestartDecision {
  restart: boolean;
  /** Milliseconds to wait first. */
  delay: number;
  why: string;
}

/** Whether, and after which wait, a container that has just ended starts again. */
export function decideRestart(policy: RestartPolicy, facts: ExitFacts): RestartDecision {
  const no = (why: string): RestartDecision => ({ restart: false, delay: 0, why });
  if (facts.unhealthy && !facts.stoppedByUser) return { restart: true, delay: 0, why: 'it was ended because it was unhealthy' };
  if (policy.name === 'no') return no('its restart policy is "no"');
  if (facts.stoppedByUser) return no('it was stopped on request, which its restart policy respects');
  if (policy.name === 'on-failure') {
    if (facts.exitCode === 0) return no('it ended with 0, and its restart policy is "on-failure"');
    if (policy.maximumRetryCount > 0 && facts.restartCount >= policy.maximumRetryCount) {
      return no(
        `it was restarted ${facts.restartCount} times, the most that its restart policy "on-failure:${policy.maximumRetryCount}" allows`,
      );
    }
  }
  const delay = facts.lived >= STEADY_AFTER || facts.lastDelay === 0 ? FIRST_DELAY : Math.min(facts.lastDelay * 2, LONGEST_DELAY);
  return {
    restart: true,
    delay,
    why: `its restart policy is "${policy.name}"; it lived ${(facts.lived / 1000).toFixed(1)} s, so it waits ${delay} ms`,
  };
}

/** Whether a container that is not running is started when the daemon starts. */
export function restartsAtBoot(
  policy: RestartPolicy,
  state: { status: string; exitCode: number; stoppedByUser: boolean; startedAt: string; restartCount: number; recovery?: Recovery },
  never: string,
): boolean {
  if (state.startedAt === never && state.status === 'created') return false;
  // Its start was due when the daemon ended: by its policy, or because someone had asked for a restart.
  if (state.status === 'restarting') return true;
  if (policy.name === 'always') return true;
  if (state.recovery?.ending && !state.stoppedByUser) return true;
  if (policy.name === 'unless-stopped') return !state.stoppedByUser;
  if (policy.name !== 'on-failure' || state.stoppedByUser || state.exitCode === 0) return false;
  return policy.maximumRetryCount === 0 || state.restartCount < policy.maximumRetryCount;
}
