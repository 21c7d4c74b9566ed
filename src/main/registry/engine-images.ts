import { join } from 'node:path';
import { formatAddress, HttpServer } from '../../api/http/index.ts';
import { createRegistryApi } from '../../api/registry/index.ts';
import type { Clock, Log } from '../../base/index.ts';
import { ensureDirectory } from '../../host/index.ts';
import type { Images } from '../../images/index.ts';
import { EngineRegistry, RegistryAccess } from '../../registry/index.ts';
import { openStore } from '../../store/index.ts';
import { VERSION } from '../version.ts';
import type { AccessFlags } from './access-options.ts';
import { checkAddress, IDLE, MOST_CONNECTIONS, readTls, renewOnHangup } from './address.ts';

export interface EngineImagesOptions {
  registry: string;
  registryTls: { certificate: string; key: string } | undefined;
  registryInsecure: boolean;
  registryAccess: AccessFlags;
  dataRoot: string;
}

/**
 * Serves the engine's images to other hosts, until it is disposed. Users and rules are rows below `<data root>/registry`, for
 * `gantry registry user … --root` as for a registry of its own; without any, whoever reaches the address may pull.
 */
export async function serveEngineImages(options: EngineImagesOptions, images: Images, clock: Clock, all: Log): Promise<AsyncDisposable> {
  const { registry: listen, registryTls: tls, registryInsecure: insecure } = options;
  const log = all.child('registry');
  await using house = new AsyncDisposableStack();
  const root = join(options.dataRoot, 'registry');
  ensureDirectory(root, 0o700);
  const store = house.use(await openStore(join(root, 'registry.db')));
  const access = await RegistryAccess.open({ store, clock, ...options.registryAccess });
  const registry = new EngineRegistry(images);
  const handler = createRegistryApi({ registry, access, allowDelete: false, clock, log, version: VERSION });
  const server = house.use(new HttpServer({ handler, log, idleTimeout: IDLE, maxConnections: MOST_CONNECTIONS }));
  const bound = await server.listen(checkAddress({ listen, tls, insecure }), tls && readTls(tls));
  house.use(renewOnHangup(server, tls, log));
  log.info('serving the images of this engine', { address: formatAddress(bound) });
  return house.move();
}
