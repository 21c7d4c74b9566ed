import { invalid } from '../../../base/index.ts';
import { type AddRoute, type Parts, parameter, text } from '../call.ts';
import { Fields } from '../decode/fields.ts';
import { decodeNetwork } from '../decode/network.ts';
import { decodeEndpoint } from '../decode/networking.ts';
import { encodeNetwork, encodeNetworkContainers } from '../encode/network.ts';
import { parseFilters } from '../filters/filters.ts';
import { NETWORK_FILTERS, networkFilter } from '../filters/objects.ts';
import { PRUNE_FILTERS, pruneFilter } from '../filters/prune.ts';

export function networkRoutes(add: AddRoute, parts: Parts): void {
  const { network, networkUse } = parts.engine;
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
  add('POST', '/networks/create', async (call) => {
    const body = new Fields((await call.exchange.json()) ?? {}, '');
    const made = await networkUse.create(decodeNetwork(body));
    call.exchange.sendJson(201, { Id: made.id, Warning: '' });
  });
  add('POST', '/networks/prune', async (call) => {
    const fits = pruneFilter(parseFilters(text(call, 'filters'), PRUNE_FILTERS), parts.clock.now());
    const removed = await networkUse.prune((record) => fits(record.createdAt, record.labels));
    call.exchange.sendJson(200, { NetworksDeleted: removed.length > 0 ? removed : null });
  });
  add('POST', '/networks/:id/connect', async (call) => {
    const body = new Fields((await call.exchange.json()) ?? {}, '');
    const wish = body.object('EndpointConfig');
    await networkUse.connect(
      parameter(call, 'id'),
      containerOf(body),
      wish ? decodeEndpoint(wish) : { aliases: [], links: [], driverOptions: {} },
    );
    call.exchange.sendEmpty(200);
  });
  add('POST', '/networks/:id/disconnect', async (call) => {
    const body = new Fields((await call.exchange.json()) ?? {}, '');
    await networkUse.disconnect(parameter(call, 'id'), containerOf(body));
    call.exchange.sendEmpty(200);
  });
  add('DELETE', '/networks/:id', async (call) => {
    await networkUse.remove(parameter(call, 'id'));
    call.exchange.sendEmpty(204);
  });
}

function containerOf(body: Fields): string {
  const name = body.string('Container');
  if (name === '') throw invalid('Container: the name or id of a container is missing');
  return name;
}
