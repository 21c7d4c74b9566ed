import { formatAddress, HttpServer, parseAddress } from '../api/http/index.ts';
import { createMetricsApi, type MetricsSource } from '../api/metrics/index.ts';
import { describe, invalid, type Log } from '../base/index.ts';
import { VERSION } from './version.ts';

/** Milliseconds: those who scrape once a minute keep their connection. */
const IDLE = 90_000;
const MOST_CONNECTIONS = 100;

/** Serves `/metrics` by plain HTTP, as dockerd does, until it is disposed. The figures name nothing that a client named, so whoever reaches the address may read them. */
export async function serveMetrics(address: string, engine: MetricsSource['engine'], log: Log): Promise<AsyncDisposable> {
  const startedAt = Math.round(Date.now() / 1000 - process.uptime());
  const figures = () => ({ memory: process.memoryUsage.rss(), startedAt });
  const handler = createMetricsApi({ engine, version: VERSION, process: figures });
  await using undo = new AsyncDisposableStack();
  const server = undo.use(new HttpServer({ handler, log, idleTimeout: IDLE, maxConnections: MOST_CONNECTIONS }));
  const bound = await server.listen(parseAddress(address)).catch((error: unknown) => {
    throw invalid(`--metrics-addr ${address}: ${describe(error)}`);
  });
  log.info('serving metrics', { address: formatAddress(bound) });
  return undo.move();
}
