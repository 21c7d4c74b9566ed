import { type ContainerRecord, type ContainerState, NEVER } from '../../../model/index.ts';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Docker's rough durations: "3 seconds", "About a minute", "5 hours", "2 weeks". */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < MINUTE) return `${seconds} seconds`;
  const minutes = Math.floor(seconds / MINUTE);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.floor(seconds / HOUR + 0.5);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(seconds / DAY / 365)} years`;
}

/** The STATUS column of `ps`: "Up 3 seconds (healthy)", "Exited (0) 2 minutes ago". `now` is milliseconds since the epoch. */
export function statusText(state: ContainerState, now: number): string {
  const up = () => humanDuration(now - Date.parse(state.startedAt));
  const ended = () => humanDuration(now - Date.parse(state.finishedAt));
  switch (state.status) {
    case 'created':
      return 'Created';
    case 'running':
      return `Up ${up()}${healthText(state)}`;
    case 'paused':
      return `Up ${up()} (Paused)`;
    case 'restarting':
      return `Restarting (${state.exitCode}) ${ended()} ago`;
    case 'removing':
      return 'Removal In Progress';
    case 'dead':
      return 'Dead';
    case 'exited':
      return state.finishedAt === NEVER ? 'Created' : `Exited (${state.exitCode}) ${ended()} ago`;
  }
}

function healthText(state: ContainerState): string {
  if (!state.health || state.health.status === 'none') return '';
  return state.health.status === 'starting' ? ' (health: starting)' : ` (${state.health.status})`;
}

/** The State object of inspect. */
export function encodeState(record: ContainerRecord): Record<string, unknown> {
  const { state } = record;
  return {
    Status: state.status,
    // Docker counts paused and restarting containers as running here.
    Running: state.status === 'running' || state.status === 'paused' || state.status === 'restarting',
    Paused: state.status === 'paused',
    Restarting: state.status === 'restarting',
    OOMKilled: state.oomKilled,
    Dead: state.status === 'dead',
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: state.startedAt,
    FinishedAt: state.finishedAt,
    ...(state.health && state.health.status !== 'none'
      ? {
          Health: {
            Status: state.health.status,
            FailingStreak: state.health.failingStreak,
            Log: state.health.log.map((probe) => ({ Start: probe.start, End: probe.end, ExitCode: probe.exitCode, Output: probe.output })),
          },
        }
      : {}),
  };
}
