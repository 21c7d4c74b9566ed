import { invalid } from '../../../base/index.ts';
import type { ResourceLimits, RestartPolicy } from '../../../model/index.ts';
import { Fields } from './fields.ts';
import { decodeRestartPolicy } from './policies.ts';
import { decodeResources } from './resources.ts';

/** The body of `POST /containers/{id}/update`: limits that it does not name (or names as 0) stay as they are. */
export function decodeUpdate(
  document: Record<string, unknown> | undefined,
  processors: number,
): { resources: ResourceLimits; restart?: RestartPolicy } {
  if (!document) throw invalid('the request has no body: give the limits to change');
  const body = new Fields(document, '');
  const restart = body.object('RestartPolicy')?.string('Name') ? decodeRestartPolicy(body) : undefined;
  return { resources: decodeResources(body, processors, 'update'), ...(restart ? { restart } : {}) };
}

/** A new limit must fit the swap limit that stays. */
export function checkAgainst(current: ResourceLimits, change: ResourceLimits): void {
  const swap = change.memorySwap ?? current.memorySwap;
  const memory = change.memory ?? current.memory;
  if (memory !== undefined && swap !== undefined && swap !== -1 && memory > swap) {
    throw invalid('Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time');
  }
  if (change.memorySwap !== undefined && change.memorySwap > 0 && memory === undefined)
    throw invalid('You should always set the Memory limit when using Memoryswap limit, see usage');
}
