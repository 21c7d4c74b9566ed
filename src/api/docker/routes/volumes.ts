import { unsupported } from '../../../base/index.ts';
import { type AddRoute, type Call, flag, type Parts, parameter, text } from '../call.ts';
import { Fields } from '../decode/fields.ts';
import { encodeVolume } from '../encode/volume.ts';
import { parseFilters } from '../filters/filters.ts';
import { VOLUME_FILTERS, volumeFilter } from '../filters/objects.ts';

export function volumeRoutes(add: AddRoute, parts: Parts): void {
  const { volumes, volumeUse } = parts.engine;
  add('GET', '/volumes', (call) => {
    const fits = volumeFilter(parseFilters(text(call, 'filters'), VOLUME_FILTERS), parts.engine);
    call.exchange.sendJson(200, {
      Volumes: volumes
        .list()
        .filter(fits)
        .map((volume) => encodeVolume(volume)),
      Warnings: null,
    });
  });
  add('POST', '/volumes/create', (call) => create(call, parts));
  add('GET', '/volumes/:name', (call) => call.exchange.sendJson(200, encodeVolume(volumes.get(parameter(call, 'name')))));
  add('DELETE', '/volumes/:name', async (call) => {
    await volumeUse.remove(parameter(call, 'name'), { force: flag(call, 'force') });
    call.exchange.sendEmpty(204);
  });
  add('PUT', '/volumes/:name', () => {
    throw unsupported('update of cluster volumes is not supported');
  });
  add('POST', '/volumes/prune', async (call) => {
    const filters = parseFilters(text(call, 'filters'), ['label', 'label!', 'all']);
    // Since API 1.42 only anonymous volumes go unless all are asked for.
    const all = filters.boolean('all') ?? call.minor < 42;
    const fits = volumeFilter(filters, parts.engine);
    const { removed, spaceReclaimed } = await volumeUse.prune((name) => fits(volumes.get(name)), all);
    call.exchange.sendJson(200, { VolumesDeleted: removed.length > 0 ? removed : null, SpaceReclaimed: spaceReclaimed });
  });
}

async function create(call: Call, parts: Parts): Promise<void> {
  const body = new Fields((await call.exchange.json()) ?? {}, '');
  if (body.object('ClusterVolumeSpec')) throw unsupported('ClusterVolumeSpec is not supported: there are no cluster volumes here');
  const name = body.string('Name');
  const driver = body.string('Driver');
  const known = new Set(parts.engine.volumes.list().map((volume) => volume.name));
  const volume = await parts.engine.volumes.create({
    ...(name ? { name } : { anonymous: true }),
    ...(driver ? { driver } : {}),
    labels: body.stringMap('Labels'),
    options: body.stringMap('DriverOpts'),
  });
  if (!known.has(volume.name)) {
    parts.engine.events.publish({
      type: 'volume',
      action: 'create',
      actor: { id: volume.name, attributes: { driver: volume.driver } },
      scope: 'local',
    });
  }
  call.exchange.sendJson(201, encodeVolume(volume));
}
