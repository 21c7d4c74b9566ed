import { type Clock, describe, type Log } from '../../base/index.ts';
import type { Builder } from '../../build/index.ts';
import type { Disk } from '../../disk/index.ts';
import type { Engine, HostDescription } from '../../engine/index.ts';
import type { Scanner } from '../../scan/index.ts';
import { BodyTooLarge, type Exchange, type Handler, Router } from '../http/index.ts';
import type { BuildInfo, Operation, Parts } from './call.ts';
import { ContainerCache } from './encode/container-cache.ts';
import { failureOf, isAbort } from './errors.ts';
import { absentRoutes } from './routes/absent.ts';
import { archiveRoutes } from './routes/archive.ts';
import { buildRoutes } from './routes/build.ts';
import { commitRoutes } from './routes/commit.ts';
import { containerStreamRoutes } from './routes/container-streams.ts';
import { type CreateDefaults, containerRoutes } from './routes/containers.ts';
import { diskRoutes } from './routes/disk.ts';
import { execRoutes } from './routes/execs.ts';
import { handOverRoutes } from './routes/handover.ts';
import { imageTransferRoutes } from './routes/image-transfer.ts';
import { imageRoutes } from './routes/images.ts';
import { networkRoutes } from './routes/networks.ts';
import { portRoutes } from './routes/ports.ts';
import { scanRoutes } from './routes/scan.ts';
import { searchRoutes } from './routes/search.ts';
import { systemRoutes } from './routes/system.ts';
import { trustRoutes } from './routes/trust.ts';
import { type Upgrades, upgradeRoutes } from './routes/upgrades.ts';
import { volumeRoutes } from './routes/volumes.ts';
import { whyRoutes } from './routes/why.ts';
import { MAXIMUM_VERSION, splitVersion } from './version.ts';

export interface DockerApiOptions {
  engine: Engine;
  builder: Builder;
  disk: Disk;
  /** Made at its first use. */
  scanner: () => Promise<Scanner>;
  clock: Clock;
  log: Log;
  /** Version of this build. */
  version: string;
  commit?: string;
  builtAt?: string;
  /** What a create request leaves open. */
  defaults?: Partial<CreateDefaults>;
  /** BuildKit's protocol; without it clients are told to build by this API alone. */
  upgrades?: Upgrades;
}

/** The Docker Engine API, versions 1.24 to 1.51, as one handler: find the route, run it, tell what failed. */
export function createDockerApi(options: DockerApiOptions): Handler {
  const { engine, clock, log } = options;
  const build: BuildInfo = { version: options.version, commit: options.commit ?? '', builtAt: options.builtAt ?? '' };
  let described: Promise<HostDescription> | undefined;
  const host = () => {
    described ??= engine.system.describe().catch((error: unknown) => {
      described = undefined;
      throw error;
    });
    return described;
  };
  const parts: Parts = { engine, clock, log, build, host };
  const routes = collectRoutes(parts, { runtime: '', cgroupParent: '', logOptions: {}, ...options.defaults }, options);
  const headers = [
    'Api-Version',
    MAXIMUM_VERSION,
    'Docker-Experimental',
    'false',
    'Ostype',
    'linux',
    'Server',
    `Gantry/${options.version} (linux)`,
  ];
  return (exchange) => {
    exchange.headers = headers;
    try {
      const { minor, path } = splitVersion(exchange.path);
      const route = routes.match(exchange.method, path);
      if (!route) return sendFailure(exchange, 404, 'page not found');
      const result = route.handler({ exchange, minor, parameters: route.parameters, query: exchange.query });
      if (result) return result.catch((error: unknown) => tellFailure(exchange, error, log));
    } catch (error) {
      tellFailure(exchange, error, log);
    }
    return undefined;
  };
}

function collectRoutes(
  parts: Parts,
  defaults: CreateDefaults,
  { builder, disk, scanner, upgrades }: Pick<DockerApiOptions, 'builder' | 'disk' | 'scanner' | 'upgrades'>,
): Router<Operation> {
  const router = new Router<Operation>();
  const add = router.add.bind(router);
  const cache = new ContainerCache(parts.engine);
  containerRoutes(add, parts, cache, defaults);
  containerStreamRoutes(add, parts);
  handOverRoutes(add, parts);
  execRoutes(add, parts);
  archiveRoutes(add, parts);
  systemRoutes(add, parts, { buildkit: upgrades !== undefined });
  diskRoutes(add, parts, cache, disk);
  whyRoutes(add, parts, disk);
  portRoutes(add, parts);
  buildRoutes(add, parts, builder);
  scanRoutes(add, parts, scanner);
  trustRoutes(add, parts);
  upgradeRoutes(add, upgrades);
  volumeRoutes(add, parts);
  networkRoutes(add, parts);
  // Before images, whose names would take /images/search and the like.
  commitRoutes(add, parts);
  searchRoutes(add, parts);
  absentRoutes(add);
  imageRoutes(add, parts);
  imageTransferRoutes(add, parts);
  return router;
}

function tellFailure(exchange: Exchange, error: unknown, log: Log): void {
  const { status, message } = failureOf(error);
  if (isAbort(error) && exchange.request.socket?.destroyed !== false) return;
  if (status === 500)
    log.error('a request failed', {
      method: exchange.method,
      path: exchange.path,
      error: describe(error),
      ...(error instanceof TypeError ? { stack: error.stack } : {}),
    });
  if (exchange.started) {
    // Too late for a status: a cut connection tells the client that the stream is not whole.
    exchange.request.socket?.destroy();
    return;
  }
  if (status === 304) return exchange.sendEmpty(304);
  sendFailure(exchange, status, message, error instanceof BodyTooLarge);
}

function sendFailure(exchange: Exchange, status: number, message: string, closing = false): void {
  const { headers, complete } = exchange.request;
  const hasBody = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
  const unread = closing || (hasBody && !complete);
  const body = `${JSON.stringify({ message })}\n`;
  if (unread && !exchange.upgrade) exchange.sendUnread(status, body, 'application/json');
  else exchange.send(status, body, 'application/json');
}
