import { join } from 'node:path/posix';
import type { Builder } from '../build/index.ts';
import type { Engine } from '../engine/index.ts';
import { diskUsage, restOfFolder } from '../host/index.ts';
import type { Disk, LedgerLine } from './disk.ts';
import { imagesOnDisk, sum } from './images-on-disk.ts';

/** Folders of the data root whose owners know what is in them. */
const OWNED = new Set(['layers', 'images', 'containers', 'volumes', 'build']);
const UNFINISHED = 'tmp';

/** Asks everyone who keeps something below the data root. */
export class Owners implements Pick<Disk, 'images' | 'containers' | 'volumes' | 'buildCache' | 'ledger'> {
  readonly #dataRoot: string;
  readonly #engine: Engine;
  readonly #builder: Builder;

  constructor(dataRoot: string, engine: Engine, builder: Builder) {
    this.#dataRoot = dataRoot;
    this.#engine = engine;
    this.#builder = builder;
  }

  async images() {
    const { images, imageUse } = this.#engine;
    return imagesOnDisk(images.list(), await images.storage(), (id) => imageUse.usedBy(id).length);
  }

  async containers() {
    return (await this.#engine.system.containerStorage()).list;
  }

  volumes() {
    const { volumes, volumeUse } = this.#engine;
    return Promise.all(
      volumes.list().map(async ({ name }) => ({ name, size: await volumes.size(name), references: volumeUse.usedBy(name).length })),
    );
  }

  buildCache() {
    return this.#builder.usage();
  }

  async ledger(): Promise<LedgerLine[]> {
    const [images, containers, volumes, cache] = await Promise.all([
      this.images(),
      this.#engine.system.containerStorage(),
      this.volumes(),
      this.buildCache(),
    ]);
    return [
      { owner: 'images', bytes: images.total },
      { owner: 'build cache', bytes: sum(cache.map(({ size, shared }) => (shared ? 0 : size))) },
      { owner: 'containers', bytes: sum(containers.list.map(({ layer, files }) => layer + files)) },
      { owner: 'logs', bytes: sum(containers.list.map(({ logs }) => logs)) },
      { owner: 'volumes', bytes: sum(volumes.map(({ size }) => size)) },
      { owner: 'unfinished', bytes: await this.#unfinished() },
      { owner: 'other', bytes: images.rest + containers.rest + (await this.#rest()) },
    ];
  }

  async #unfinished(): Promise<number> {
    return (await diskUsage(join(this.#dataRoot, UNFINISHED))).bytes + (await this.#builder.scratchSize());
  }

  async #rest(): Promise<number> {
    const own = await restOfFolder(this.#dataRoot, (name) => OWNED.has(name) || name === UNFINISHED);
    return own + (await this.#engine.volumes.rest());
  }
}
