import { createServer } from 'node:http';
import { invalid } from '../base/index.ts';
import type { Engine } from '../engine/index.ts';

/** Figures of the daemon in the text format of Prometheus (version 0.0.4). Names that dockerd has are the same. */
export function renderMetrics({ containers, network }: Pick<Engine, 'containers' | 'network'>): string {
  const states = containers.list().map(({ state }) => state.status);
  const paused = states.filter((status) => status === 'paused').length;
  const running = states.filter((status) => status === 'running' || status === 'restarting').length;
  return [
    ...family('engine_daemon_container_states_containers', 'gauge', 'Containers by state', 'state', {
      paused,
      running,
      stopped: states.length - paused - running,
    }),
    ...family(
      'gantry_network_drift_total',
      'counter',
      'How often the kernel was found different from what it should be, and put right',
      'kind',
      { ...network.drift },
    ),
  ].join('\n');
}

function family(name: string, type: string, help: string, label: string, values: Readonly<Record<string, number>>): string[] {
  const samples = Object.entries(values).map(([key, value]) => `${name}{${label}="${key}"} ${value}`);
  return [`# HELP ${name} ${help}.`, `# TYPE ${name} ${type}`, ...samples, ''];
}

/** Serves them at /metrics. The figures name no container and no image, so anybody who reaches the address may read them. */
export async function serveMetrics(address: string, engine: Pick<Engine, 'containers' | 'network'>): Promise<AsyncDisposable> {
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d{1,5})$/.exec(address) ?? [];
  if (port === '') throw invalid(`--metrics-addr ${address}: it reads ADDRESS:PORT, such as 127.0.0.1:9323`);
  const server = createServer((request, response) => {
    const found = request.url === '/metrics' && request.method === 'GET';
    response.writeHead(found ? 200 : 404, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
    response.end(found ? renderMetrics(engine) : 'only GET /metrics is here\n');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(invalid(`--metrics-addr ${address}: ${error.message}`)));
    server.listen(Number(port), host || undefined, resolve);
  });
  return { [Symbol.asyncDispose]: () => new Promise((resolve) => void server.close(() => resolve()).closeAllConnections()) };
}
