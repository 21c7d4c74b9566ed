import { join } from 'node:path/posix';
import type { Clock, Ids, Log } from '../base/index.ts';
import type { Trash } from '../host/index.ts';
import type { Store } from '../store/index.ts';
import { Pins } from './assembly/pins.ts';
import { LastUses } from './catalog/last-uses.ts';
import { StoredCatalog } from './catalog/stored-catalog.ts';
import { OverlayContainerLayers } from './containers/overlay-container-layers.ts';
import { FileContentStore } from './content/file-content-store.ts';
import type { Distribution } from './distribution/index.ts';
import type { Images, MakeRoom, PullGuard } from './images.ts';
import { TreeLayerStore } from './layers/tree-layer-store.ts';
import { LocalImages } from './local-images.ts';

export interface ImagesOptions {
  dataRoot: string;
  store: Store;
  clock: Clock;
  ids: Ids;
  log: Log;
  /** Of the data root. */
  trash: Trash;
  insecureRegistries: readonly string[];
  registryMirrors: readonly string[];
  /** Folders with `<host:port>/ca.crt` …; Docker's and Gantry's when absent. */
  certificateFolders?: readonly string[];
  /** File that says which repositories are pulled, and with whose signature; undefined: all are, with none. */
  trustPolicy?: string | undefined;
  /** Asked before images are pulled, loaded or imported; undefined: there is no bound. */
  makeRoom?: MakeRoom | undefined;
}

/** Opens the images of a data root, and frees what nothing names. */
export async function createImages(options: ImagesOptions): Promise<Images> {
  const { dataRoot, store, clock, ids, log, trash } = options;
  const content = new FileContentStore(dataRoot);
  const layers = new TreeLayerStore({ dataRoot, ids, log, trash });
  const uses = new LastUses({ store, clock, log });
  const catalog = new StoredCatalog({ store, content, layers, uses, clock, log });
  await catalog.open();
  await uses.open((id) => catalog.has(id));
  const containers = new OverlayContainerLayers({ dataRoot, ids, log, trash, layers, catalog });
  await containers.clearHalfMade();
  const pins = new Pins({ store, layers, log });
  await pins.open();
  layers.referenced = function* () {
    for (const image of catalog.list()) yield* image.layers;
    yield* containers.referenced();
    yield* pins.referenced();
  };
  layers.sweep();
  const needed = catalog.blobs();
  for (const { digest } of content.list()) if (!needed.has(digest)) await content.delete(digest);
  const { certificateFolders, trustPolicy } = options;
  const makeRoom = options.makeRoom === undefined ? {} : { makeRoom: options.makeRoom };
  // Loaded on demand: few hosts have a policy.
  const trust = trustPolicy === undefined ? undefined : (await import('./trust/index.ts')).openTrust(trustPolicy);
  const guard: PullGuard = {};
  const distributionParts = {
    ...{ catalog, content, layers, clock, log, guard },
    downloads: join(trash.folder, 'downloads'),
    insecureRegistries: options.insecureRegistries,
    registryMirrors: options.registryMirrors,
    ...(certificateFolders === undefined ? {} : { certificateFolders }),
    ...(trust === undefined ? {} : { trust }),
    ...makeRoom,
  };
  let made: Promise<Distribution> | undefined;
  // Loaded on demand: an idle daemon asks no registry.
  const distribution = () => {
    made ??= import('./distribution/index.ts').then((room) => new room.Distribution(distributionParts));
    return made;
  };
  return new LocalImages({ catalog, content, layers, containers, distribution, guard, clock, pins, uses, ...makeRoom });
}
