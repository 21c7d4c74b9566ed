import { GantryError, notFound, unsupported } from '../../../base/index.ts';
import { type AddRoute, parameter } from '../call.ts';

const NO_MANAGER =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';

/** What Docker has and Gantry has not, or not yet: each answered as Docker does in that state, or refused by name. */
export function absentRoutes(add: AddRoute): void {
  cluster(add);
  plugins(add);
  refuse(add, 'POST', '/build/cancel', 'cancelling a build by its id is not supported', 'A build ends with the connection of its client.');
  refuse(add, 'POST', '/containers/:id/checkpoints', 'checkpoints are not supported');
  refuse(add, 'GET', '/containers/:id/checkpoints', 'checkpoints are not supported');
  refuse(add, 'POST', '/containers/:id/copy', 'the copy of API 1.23 and before is gone', 'Use GET /containers/{id}/archive.');
}

function refuse(add: AddRoute, method: string, pattern: string, sentence: string, hint?: string): void {
  add(method, pattern, () => {
    throw unsupported(sentence, hint);
  });
}

function cluster(add: AddRoute): void {
  const notManager = () => {
    throw new GantryError('unavailable', NO_MANAGER);
  };
  add('GET', '/swarm', notManager);
  add('GET', '/swarm/unlockkey', notManager);
  add('POST', '/swarm/update', notManager);
  add('POST', '/swarm/leave', () => {
    throw new GantryError('unavailable', 'This node is not part of a swarm');
  });
  for (const verb of ['init', 'join', 'unlock']) refuse(add, 'POST', `/swarm/${verb}`, `swarm ${verb} is not supported yet`);
  for (const noun of ['services', 'nodes', 'tasks', 'secrets', 'configs']) {
    add('GET', `/${noun}`, notManager);
    add('GET', `/${noun}/:id`, notManager);
    add('GET', `/${noun}/:id/logs`, notManager);
    add('POST', `/${noun}/create`, notManager);
    add('POST', `/${noun}/:id/update`, notManager);
    add('DELETE', `/${noun}/:id`, notManager);
  }
}

function plugins(add: AddRoute): void {
  add('GET', '/plugins', ({ exchange }) => exchange.sendJson(200, []));
  add('GET', '/plugins/*name/json', (call) => {
    throw notFound(`plugin "${parameter(call, 'name')}" not found`);
  });
  add('DELETE', '/plugins/*name', (call) => {
    throw notFound(`plugin "${parameter(call, 'name')}" not found`);
  });
  refuse(add, 'POST', '/plugins/pull', 'plugins are not supported');
  refuse(add, 'POST', '/plugins/create', 'plugins are not supported');
  refuse(add, 'GET', '/plugins/privileges', 'plugins are not supported');
}
