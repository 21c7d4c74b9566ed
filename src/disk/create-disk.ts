import { join } from 'node:path/posix';
import type { Builder } from '../build/index.ts';
import type { Engine } from '../engine/index.ts';
import { diskUsage, restOfFolder } from '../host/index.ts';
import type { Disk, LedgerLine } from './disk.ts';
import { imagesOnDisk, sum } from './images-on-disk.ts';

export interface DiskOptions {
  dataRoot: string;
  engine: Engine;
  builder: Builder;
}

/** Folders of the data root whose owners know what is in them. */
const OWNED = new Set(['layers', 'images', 'containers', 'volumes', 'build']);
const UNFINISHED = 'tmp';

export function createDisk({ dataRoot, engine, builder }: DiskOptions): Disk {
  const disk: Disk = {
    async images() {
      return imagesOnDisk(engine.images.list(), await engine.images.storage(), (id) => engine.imageUse.usedBy(id).length);
    },
    containers: async () => (await engine.system.containerStorage()).list,
    volumes: () =>
      Promise.all(
        engine.volumes.list().map(async ({ name }) => ({
          name,
          size: await engine.volumes.size(name),
          references: engine.volumeUse.usedBy(name).length,
        })),
      ),
    buildCache: () => builder.usage(),
    ledger,
  };

  async function ledger(): Promise<LedgerLine[]> {
    const [images, containers, volumes, cache] = await Promise.all([
      disk.images(),
      engine.system.containerStorage(),
      disk.volumes(),
      disk.buildCache(),
    ]);
    const ours = sum(containers.list.map(({ layer, files }) => layer + files));
    return [
      { owner: 'images', bytes: images.total },
      { owner: 'build cache', bytes: sum(cache.map(({ size, shared }) => (shared ? 0 : size))) },
      { owner: 'containers', bytes: ours },
      { owner: 'logs', bytes: sum(containers.list.map(({ logs }) => logs)) },
      { owner: 'volumes', bytes: sum(volumes.map(({ size }) => size)) },
      { owner: 'unfinished', bytes: (await diskUsage(join(dataRoot, UNFINISHED))).bytes + (await builder.scratchSize()) },
      {
        owner: 'other',
        bytes:
          (await restOfFolder(dataRoot, (name) => OWNED.has(name) || name === UNFINISHED)) +
          containers.rest +
          (await engine.volumes.rest()),
      },
    ];
  }

  return disk;
}
