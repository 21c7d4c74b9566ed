import { HEALTH_DEFAULTS, type HealthCheck, type HealthProbe, type HealthState } from '../../model/index.ts';

/** Probes kept for inspect. */
const KEPT = 5;
const NANOSECONDS_PER_MILLISECOND = 1_000_000;

/** Milliseconds: no look at a container that starts comes sooner than this after the one before. */
const FIRST_LOOK = 200;
/** A look comes after this share of the time that the container has run: what starts quickly is seen quickly, what starts slowly at little cost. */
const SHARE_OF_AGE = 0.1;
/** A probe takes at most about a sixth of the time, however slow it is. */
const PATIENCE = 5;

/**
 * Milliseconds from the end of a probe (or the start) to the next one. Until the first success a container is looked at often: every
 * `startInterval`, or when that is not set ever less often. Failures of such looks do not count: see `afterProbe`.
 */
export function nextProbeDelay(check: HealthCheck, state: HealthState, sinceStart: number): number {
  const interval = intervalOf(check);
  if (state.status !== 'starting') return interval;
  const asked = check.startInterval && milliseconds(check.startInterval);
  if (asked && sinceStart < startPeriodOf(check)) return asked;
  const look = asked || Math.max(FIRST_LOOK, sinceStart * SHARE_OF_AGE, PATIENCE * lasted(state.log.at(-1)));
  return Math.max(1, Math.min(Math.round(look), interval, untilFailureCounts(check, state, sinceStart)));
}

/** Milliseconds: failures before the first success count from the end of the start period on, and then once an interval, as if there were no looks between. */
function untilFailureCounts(check: HealthCheck, state: HealthState, sinceStart: number): number {
  const interval = intervalOf(check);
  const due = state.countedAt === undefined ? startPeriodOf(check) || interval : state.countedAt + interval;
  return due <= sinceStart ? interval : due - sinceStart;
}

export function probeTimeout(check: HealthCheck): number {
  return milliseconds(check.timeout || HEALTH_DEFAULTS.timeout);
}

/** The state after one more probe that ended `sinceStart` milliseconds after the start. */
export function afterProbe(check: HealthCheck, state: HealthState, probe: HealthProbe, sinceStart: number): HealthState {
  const log = [...state.log, probe].slice(-KEPT);
  if (probe.exitCode === 0) return { status: 'healthy', failingStreak: 0, log };
  const starting = state.status === 'starting';
  if (starting && !counts(check, state, sinceStart)) return { ...state, log };
  const failingStreak = state.failingStreak + 1;
  const status = failingStreak >= (check.retries || HEALTH_DEFAULTS.retries) ? 'unhealthy' : state.status;
  return { status, failingStreak, log, ...(starting ? { countedAt: sinceStart } : {}) };
}

function counts(check: HealthCheck, state: HealthState, sinceStart: number): boolean {
  if (state.countedAt === undefined) return sinceStart >= (startPeriodOf(check) || intervalOf(check));
  return sinceStart >= state.countedAt + intervalOf(check);
}

/** The command that a probe runs; undefined when the check is off. */
export function probeCommand(check: HealthCheck | undefined, shell: readonly string[]): string[] | undefined {
  const [kind, ...rest] = check?.test ?? [];
  if (kind === 'CMD') return rest;
  if (kind === 'CMD-SHELL') return [...shell, ...rest];
  return undefined;
}

const lasted = (probe: HealthProbe | undefined) => (probe ? Date.parse(probe.end) - Date.parse(probe.start) : 0);
const intervalOf = (check: HealthCheck) => milliseconds(check.interval || HEALTH_DEFAULTS.interval);
const startPeriodOf = (check: HealthCheck) => (check.startPeriod ? milliseconds(check.startPeriod) : 0);

function milliseconds(nanoseconds: number): number {
  return Math.max(1, Math.round(nanoseconds / NANOSECONDS_PER_MILLISECOND));
}
