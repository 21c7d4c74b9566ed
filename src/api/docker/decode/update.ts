import { invalid } from '../../../base/index.ts';
import type { ResourceLimits, RestartPolicy } from '../../../model/index.ts';
import { Fields } from './fields.ts';
import { decodeRestartPolicy } from './policies.ts';
import { decodeResources } from './resources.ts';

/** The body of `POST /containers/{id}/update`: limits that it does not name (or names as 0) stay as they are. */
export function decodeUpdate(document: Record<string, unknown> | undefined, processors: number): { resources: ResourceLimits; restart?: RestartPolicy } {
  if (!document) throw invalid('the request has no body: give the limits to change');
  const body = new Fields(document, '');
  const restart = body.object('RestartPolicy')?.string('Name') ? decodeRestartPolicy(body) : undefined;
  return { resources: decodeResources(body, processors, 'update'), ...(restart ? { restart } : {}) };
}
