import { invalid } from '../../../base/index.ts';
import type { Disk } from '../../../disk/index.ts';
import type { AddRoute, Call, Parts } from '../call.ts';
import type { ContainerCache } from '../encode/container-cache.ts';
import { encodeImageSummary } from '../encode/image.ts';
import { encodeVolume } from '../encode/volume.ts';
import { encodeCacheEntry } from './build.ts';

/** What is on the disk. */
export function diskRoutes(add: AddRoute, parts: Parts, cache: ContainerCache, disk: Disk): void {
  add('GET', '/system/df', async (call) => call.exchange.send(200, await diskUsage(call, parts, cache, disk), 'application/json'));
  // Ours: all owners, where Docker's document has only four.
  add('GET', '/gantry/disk', async ({ exchange }) => {
    const owners = await disk.ledger();
    const used = owners.reduce((sum, { bytes }) => sum + bytes, 0);
    exchange.sendJson(200, { used, budget: (await disk.budget()) ?? null, owners });
  });
}

const TYPES = ['container', 'image', 'volume', 'build-cache'];

/** All sizes are bytes on the disk. Only what was asked for is looked at. */
async function diskUsage(call: Call, parts: Parts, cache: ContainerCache, disk: Disk): Promise<string> {
  // Before 1.42 clients had no choice.
  const types = call.minor < 42 ? [] : call.query.getAll('type');
  for (const type of types) if (!TYPES.includes(type)) throw invalid(`unknown object type: ${type}`);
  const wanted = (type: string) => types.length === 0 || types.includes(type);
  const parted = await Promise.all([
    wanted('image') ? images(call, disk) : [],
    wanted('container') ? containers(call, parts, cache, disk) : [],
    wanted('volume') ? volumes(parts, disk) : [],
    wanted('build-cache') ? buildCache(call, disk) : [],
  ]);
  return `{${parted.flat().join(',')}}\n`;
}

async function images(call: Call, disk: Disk): Promise<string[]> {
  const { total, list } = await disk.images();
  const encoded = list.map(({ image, size, sharedSize, containers }) =>
    encodeImageSummary({ ...image, size }, call.minor, { containers, sharedSize }),
  );
  return [`"LayersSize":${total}`, `"Images":${JSON.stringify(encoded)}`];
}

/** Logs are the container's too: nobody else would show them. */
async function containers(call: Call, parts: Parts, cache: ContainerCache, disk: Disk): Promise<string[]> {
  const now = parts.clock.now();
  const sizes = new Map((await disk.images()).list.map(({ image, size }) => [image.id, size]));
  const list = (await disk.containers()).map(({ container, layer, files, logs }) => {
    const writable = layer + files + logs;
    const root = layer + (sizes.get(container.spec.imageId) ?? 0);
    return cache.listEntry(container, call.minor, container.spec.image, now, { writable, root });
  });
  return [`"Containers":[${list.join(',')}]`];
}

async function buildCache(call: Call, disk: Disk): Promise<string[]> {
  const entries = await disk.buildCache();
  const encoded = JSON.stringify(entries.map((entry) => encodeCacheEntry(entry, call.minor)));
  const total = call.minor < 42 ? [`"BuilderSize":${entries.reduce((sum, { size }) => sum + size, 0)}`] : [];
  return [...total, `"BuildCache":${encoded}`];
}

async function volumes(parts: Parts, disk: Disk): Promise<string[]> {
  const sizes = new Map((await disk.volumes()).map((volume) => [volume.name, volume]));
  const list = parts.engine.volumes.list().map((volume) => encodeVolume(volume, sizes.get(volume.name) ?? { size: -1, references: -1 }));
  return [`"Volumes":${JSON.stringify(list)}`];
}
