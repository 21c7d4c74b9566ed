import { GantryError, unsupported } from '../../../base/index.ts';
import { type AddRoute, type Parts, parameter, text } from '../call.ts';
import { encodeNetwork, encodeNetworkContainers } from '../encode/network.ts';
import { parseFilters } from '../filters/filters.ts';
import { NETWORK_FILTERS, networkFilter } from '../filters/objects.ts';
import { PRUNE_FILTERS } from '../filters/prune.ts';

const HINT = 'The networks bridge, host and none are there.';

/** Networks: for now those that are always there. */
export function networkRoutes(add: AddRoute, parts: Parts): void {
  const { network } = parts.engine;
  add('GET', '/networks', (call) => {
    const fits = networkFilter(parseFilters(text(call, 'filters'), NETWORK_FILTERS), parts.engine);
    call.exchange.sendJson(
      200,
      network
        .list()
        .filter(fits)
        .map((record) => encodeNetwork(record)),
    );
  });
  add('GET', '/networks/:id', (call) => {
    const record = network.get(parameter(call, 'id'));
    call.exchange.sendJson(200, encodeNetwork(record, encodeNetworkContainers(record, parts.engine)));
  });
  add('POST', '/networks/create', () => {
    throw unsupported('user-defined networks are not supported yet', HINT);
  });
  add('POST', '/networks/prune', (call) => {
    parseFilters(text(call, 'filters'), PRUNE_FILTERS);
    // None of the networks that are always there may go.
    call.exchange.sendJson(200, { NetworksDeleted: null });
  });
  for (const verb of ['connect', 'disconnect']) {
    add('POST', `/networks/:id/${verb}`, (call) => {
      network.get(parameter(call, 'id'));
      throw unsupported(`network ${verb} is not supported yet: a container keeps the network that it was created with`, HINT);
    });
  }
  add('DELETE', '/networks/:id', (call) => {
    const record = network.get(parameter(call, 'id'));
    throw new GantryError('denied', `${record.name} is a pre-defined network and cannot be removed`);
  });
}
