import type { ContainerRecord } from '../../../model/index.ts';
import { isAlive } from '../../../model/index.ts';
import type { ReachSubject } from '../../../network/index.ts';
import type { AddRoute, Parts } from '../call.ts';

/** Ours: every port of running containers that can be reached, by whom and why. */
export function portRoutes(add: AddRoute, { engine }: Parts): void {
  add('GET', '/gantry/ports', async ({ exchange }) => {
    const alive = engine.containers.list().filter(({ state }) => isAlive(state));
    exchange.sendJson(200, await engine.network.reach(alive.map(subjectOf)));
  });
}

function subjectOf({ id, name, state, spec }: ContainerRecord): ReachSubject {
  return {
    id,
    name,
    endpoints: state.endpoints,
    publishedPorts: state.publishedPorts,
    exposedPorts: spec.exposedPorts,
    requested: spec.ports,
    onHost: spec.networkMode.kind === 'host',
  };
}
