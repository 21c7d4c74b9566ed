import { formatAddress, HttpServer } from '../../api/http/index.ts';
import { createRegistryApi } from '../../api/registry/index.ts';
import type { Clock, Log } from '../../base/index.ts';
import type { Images } from '../../images/index.ts';
import { EngineRegistry } from '../../registry/index.ts';
import { VERSION } from '../version.ts';
import { checkAddress, IDLE, MOST_CONNECTIONS, readTls } from './address.ts';

export interface EngineImagesOptions {
  registry: string;
  registryTls: { certificate: string; key: string } | undefined;
  registryInsecure: boolean;
}

/** Serves the engine's images to other hosts, until it is disposed. */
export async function serveEngineImages(options: EngineImagesOptions, images: Images, clock: Clock, all: Log): Promise<AsyncDisposable> {
  const { registry: listen, registryTls: tls, registryInsecure: insecure } = options;
  const log = all.child('registry');
  const registry = new EngineRegistry(images);
  const handler = createRegistryApi({ registry, access: undefined, allowDelete: false, clock, log, version: VERSION });
  const server = new HttpServer({ handler, log, idleTimeout: IDLE, maxConnections: MOST_CONNECTIONS });
  const bound = await server.listen(checkAddress({ listen, tls, insecure }), tls && readTls(tls));
  log.info('serving the images of this engine', { address: formatAddress(bound) });
  return server;
}
