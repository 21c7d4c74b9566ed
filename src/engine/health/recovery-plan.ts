import { invalid } from '../../base/index.ts';
import type { ContainerSpec, Recovery } from '../../model/index.ts';

/** Asks that the container be restarted when it is unhealthy. A label, so that every client and Compose file can give it. */
export const RESTART_UNHEALTHY = 'gantry.restart-unhealthy';

/** Milliseconds before the second restart in a row; doubled from one to the next. The first waits for nothing. */
const FIRST_WAIT = 10_000;
const LONGEST_WAIT = 300_000;
/** Who ran this long since its last restart begins anew. */
const STEADY_AFTER = 600_000;

type Asked = Pick<ContainerSpec, 'labels' | 'autoRemove' | 'healthCheck'>;

export function restartsUnhealthy({ labels }: Pick<ContainerSpec, 'labels'>): boolean {
  return labels[RESTART_UNHEALTHY] === 'true';
}

/** Refuses what cannot be meant; resolves to a warning when the label has no effect. */
export function checkRecovery(spec: Asked): string | undefined {
  const value = spec.labels[RESTART_UNHEALTHY];
  if (value === undefined || value === 'false') return undefined;
  if (value !== 'true') throw invalid(`invalid label ${RESTART_UNHEALTHY}=${value}: it is true or false`);
  if (spec.autoRemove) throw invalid(`conflicting options: ${RESTART_UNHEALTHY} and automatic removal: an end removes the container`);
  const checked = spec.healthCheck !== undefined && spec.healthCheck.test[0] !== 'NONE';
  return checked ? undefined : `${RESTART_UNHEALTHY} has no effect: the container has no health check`;
}

/** What is planned for a container that has become unhealthy at `now` (milliseconds since the epoch). */
export function planRecovery(recovery: Recovery | undefined, now: number): Recovery & { due: string } {
  const { restarts = 0, restartedAt } = recovery ?? {};
  const steady = restartedAt !== undefined && now - Date.parse(restartedAt) >= STEADY_AFTER;
  const inRow = steady ? 0 : restarts;
  const wait = inRow === 0 ? 0 : Math.min(FIRST_WAIT * 2 ** (inRow - 1), LONGEST_WAIT);
  return { restarts: inRow, ...(restartedAt === undefined ? {} : { restartedAt }), due: new Date(now + wait).toISOString() };
}

/** What is kept of it when the container has been started again at `startedAt`. */
export function afterRecovery(recovery: Recovery | undefined, startedAt: string): Recovery | undefined {
  if (!recovery) return undefined;
  const { due: _due, ending, ...kept } = recovery;
  return ending ? { restarts: kept.restarts + 1, restartedAt: startedAt } : kept;
}
