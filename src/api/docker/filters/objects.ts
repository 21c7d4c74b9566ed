import { invalid } from '../../../base/index.ts';
import type { Engine } from '../../../engine/index.ts';
import type { NetworkRecord, VolumeRecord } from '../../../model/index.ts';
import { type Filters, matchesLabels } from './filters.ts';
import { compilePattern } from './pattern.ts';

export const VOLUME_FILTERS = ['dangling', 'driver', 'label', 'label!', 'name'];

export function volumeFilter(filters: Filters, engine: Engine): (volume: VolumeRecord) => boolean {
  const dangling = filters.boolean('dangling');
  const names = filters.get('name').map((name) => compilePattern('name', name));
  return (volume) =>
    (dangling === undefined || (engine.volumeUse.usedBy(volume.name).length === 0) === dangling) &&
    filters.any('driver', (driver) => volume.driver === driver) &&
    (names.length === 0 || names.some((test) => test(volume.name))) &&
    matchesLabels(filters, volume.labels);
}

export const NETWORK_FILTERS = ['dangling', 'driver', 'id', 'label', 'label!', 'name', 'scope', 'type'];

const BUILT_IN = ['bridge', 'host', 'none'];

export function networkFilter(filters: Filters, engine: Engine): (network: NetworkRecord) => boolean {
  const dangling = filters.boolean('dangling');
  for (const type of filters.get('type'))
    if (type !== 'builtin' && type !== 'custom') throw invalid(`invalid filter 'type=${type}': use builtin or custom`);
  const used = new Set(
    [...engine.network.attachments().values()].flatMap((attachment) => attachment.endpoints.map((endpoint) => endpoint.networkId)),
  );
  const names = filters.get('name').map((name) => compilePattern('name', name));
  return (network) =>
    (dangling === undefined || (!used.has(network.id) && !BUILT_IN.includes(network.name)) === dangling) &&
    filters.any('driver', (driver) => network.driver === driver) &&
    filters.any('id', (id) => network.id.startsWith(id)) &&
    (names.length === 0 || names.some((test) => test(network.name))) &&
    filters.any('scope', (scope) => scope === 'local') &&
    filters.any('type', (type) => BUILT_IN.includes(network.name) === (type === 'builtin')) &&
    matchesLabels(filters, network.labels);
}
