import { join } from 'node:path';
import { formatAddress, HttpServer } from '../../api/http/index.ts';
import { createRegistryApi } from '../../api/registry/index.ts';
import { type Clock, createLog, describe, type Log, randomIds, systemClock } from '../../base/index.ts';
import { lockFile } from '../../host/index.ts';
import { LocalRegistry, RegistryAccess, type RegistryEvent, RegistryMetrics, Webhooks } from '../../registry/index.ts';
import { openStore } from '../../store/index.ts';
import { VERSION } from '../version.ts';
import { checkAddress, IDLE, MOST_CONNECTIONS, readTls, renewOnHangup } from './address.ts';
import { serveControl } from './control.ts';
import type { RegistryOptions } from './options.ts';

/** Requests in progress may take so long to end when the registry stops. Milliseconds. */
const GRACE = 10_000;

/** The registry below `root`, alone with it. */
export async function openRegistry(
  house: AsyncDisposableStack,
  options: RegistryOptions,
  log: Log,
  onEvent: (event: RegistryEvent) => void,
) {
  const clock = systemClock();
  const store = await openRoot(house, options.root);
  const { root, quotas, retention } = options;
  const registry = house.use(
    await LocalRegistry.open({ root, store, clock, ids: randomIds(), log: log.child('registry'), quotas, retention, onEvent }),
  );
  return { registry, store, clock };
}

async function openRoot(house: AsyncDisposableStack, root: string) {
  const { ensureDirectory } = await import('../../host/index.ts');
  ensureDirectory(root, 0o700);
  house.adopt(lockFile(join(root, 'registry.lock')), (lock) => lock.release());
  return house.use(await openStore(join(root, 'registry.db')));
}

/** Runs until a signal ends it. */
export async function serveRegistry(options: RegistryOptions): Promise<void> {
  const address = checkAddress(options);
  const log = createLog(options.logLevel, (line) => void process.stderr.write(line), systemClock().timestamp);
  await using house = new AsyncDisposableStack();
  let webhooks: Webhooks | undefined;
  const { registry, store, clock } = await openRegistry(house, options, log, (event) => webhooks?.send(event));
  webhooks = house.use(new Webhooks(options.webhooks, { clock, ids: randomIds(), log: log.child('webhooks') }));
  const { figures } = webhooks;
  const metrics = new RegistryMetrics(
    () => registry.usage,
    () => figures,
  );
  const access = await RegistryAccess.open({ store, clock, ...options.access });
  const { allowDelete } = options;
  const handler = createRegistryApi({ registry, access, allowDelete, metrics, clock, log: log.child('http'), version: VERSION });
  const server = new HttpServer({ handler, log, idleTimeout: IDLE, maxConnections: MOST_CONNECTIONS });
  house.defer(() => server.close(GRACE));
  const collect = async (dryRun: boolean) => {
    const report = await registry.collect({ dryRun });
    metrics.collected(report);
    return report;
  };
  await serveControl(house, options.root, log, collect);
  const bound = await server.listen(address, options.tls && readTls(options.tls));
  house.use(renewOnHangup(server, options.tls, log));
  house.use(collectEvery(options.collectEvery, clock, log, () => collect(false)));
  process.stdout.write(`gantry registry ready: listening on ${formatAddress(bound).replace('tcp:', options.tls ? 'https:' : 'http:')}\n`);
  const signal = await terminated();
  log.info('stopping', { signal });
}

function collectEvery(milliseconds: number | undefined, clock: Clock, log: Log, run: () => Promise<unknown>): AsyncDisposable {
  const stop = new AbortController();
  const loop = async () => {
    while (milliseconds !== undefined && !stop.signal.aborted) {
      await clock.sleep(milliseconds, stop.signal).catch(() => {});
      if (stop.signal.aborted) return;
      await run().catch((error: unknown) => log.error('collection failed', { error: describe(error) }));
    }
  };
  const running = loop();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

function terminated(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
  });
}
