import { HEALTH_DEFAULTS, type HealthCheck, type HealthProbe, type HealthState } from '../../model/index.ts';

/** Probes kept for inspect. */
const KEPT = 5;
const NANOSECONDS_PER_MILLISECOND = 1_000_000;

/** Milliseconds until the next probe. While starting it probes at the start interval; before the first one too. */
export function nextProbeDelay(check: HealthCheck, state: HealthState, sinceStart: number): number {
  const starting = state.status === 'starting' && sinceStart < milliseconds(check.startPeriod || HEALTH_DEFAULTS.startPeriod);
  return milliseconds(
    starting
      ? check.startInterval || Math.min(HEALTH_DEFAULTS.startInterval, check.interval || HEALTH_DEFAULTS.interval)
      : check.interval || HEALTH_DEFAULTS.interval,
  );
}

export function probeTimeout(check: HealthCheck): number {
  return milliseconds(check.timeout || HEALTH_DEFAULTS.timeout);
}

/** The state after one more probe. Failures within the start period do not count, as long as it was never healthy. */
export function afterProbe(check: HealthCheck, state: HealthState, probe: HealthProbe, sinceStart: number): HealthState {
  const log = [...state.log, probe].slice(-KEPT);
  if (probe.exitCode === 0) return { status: 'healthy', failingStreak: 0, log };
  const excused = state.status === 'starting' && sinceStart < milliseconds(check.startPeriod || HEALTH_DEFAULTS.startPeriod);
  if (excused) return { ...state, log };
  const failingStreak = state.failingStreak + 1;
  return { status: failingStreak >= (check.retries || HEALTH_DEFAULTS.retries) ? 'unhealthy' : state.status, failingStreak, log };
}

/** The command that a probe runs; undefined when the check is off. */
export function probeCommand(check: HealthCheck | undefined, shell: readonly string[]): string[] | undefined {
  const [kind, ...rest] = check?.test ?? [];
  if (kind === 'CMD') return rest;
  if (kind === 'CMD-SHELL') return [...shell, ...rest];
  return undefined;
}

function milliseconds(nanoseconds: number): number {
  return Math.max(1, Math.round(nanoseconds / NANOSECONDS_PER_MILLISECOND));
}
