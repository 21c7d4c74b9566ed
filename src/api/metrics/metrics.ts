import type { Engine } from '../../engine/index.ts';
import type { ContainerRecord, PublishedPort } from '../../model/index.ts';
import type { Exchange } from '../http/index.ts';

/** What the figures are made of, when somebody asks. */
export interface MetricsSource {
  engine: Pick<Engine, 'containers' | 'network'>;
  version: string;
  /** Bytes that the daemon has in memory, and seconds since 1970 when it began. */
  process: () => { memory: number; startedAt: number };
}

type Value = [labels: Record<string, string>, value: number];

/** Answers `GET /metrics`, and nothing else. */
export function createMetricsApi(source: MetricsSource): (exchange: Exchange) => void {
  return (exchange) => {
    if (exchange.path !== '/metrics') return exchange.send(404, 'Only /metrics is here\n', 'text/plain; charset=utf-8');
    if (exchange.method !== 'GET') return exchange.send(405, 'GET only\n', 'text/plain; charset=utf-8');
    exchange.send(200, metricsText(source), 'text/plain; version=0.0.4; charset=utf-8');
  };
}

/** The figures of one daemon in Prometheus' text format 0.0.4. No label holds a name that a client chose. */
export function metricsText({ engine, version, process }: MetricsSource): string {
  const containers = engine.containers.list();
  const { drift } = engine.network;
  const { memory, startedAt } = process();
  const states = countBy(containers, ({ state }) => state.status);
  const dockers = (name: string) => states.get(name) ?? 0;
  return [
    metric('gantry_build_info', 'gauge', 'The version that runs.', [[{ version }, 1]]),
    metric(
      'gantry_containers',
      'gauge',
      'Containers by state.',
      labelled('state', states, ['created', 'running', 'paused', 'restarting', 'exited', 'dead']),
    ),
    metric(
      'gantry_container_restarts',
      'gauge',
      'Restarts by policy of the containers that are there, since their last start by a person.',
      [[{}, containers.reduce((sum, { state }) => sum + state.restartCount, 0)]],
    ),
    metric('gantry_containers_unhealthy', 'gauge', 'Running containers whose health check fails.', [
      [{}, containers.filter(({ state }) => state.health?.status === 'unhealthy').length],
    ]),
    metric('gantry_published_ports', 'gauge', 'Ports of the host that lead to containers, by who may use them.', published(containers)),
    metric(
      'gantry_networks',
      'gauge',
      'Networks by driver.',
      labelled(
        'driver',
        countBy(engine.network.list(), ({ driver }) => driver),
        [],
      ),
    ),
    metric(
      'gantry_network_drift_total',
      'counter',
      'How often somebody else changed what the network needs, and it was put back.',
      Object.entries(drift).map(([kind, count]) => [{ kind }, count]),
    ),
    metric('engine_daemon_container_states_containers', 'gauge', 'Containers by state, as dockerd calls them.', [
      [{ state: 'paused' }, dockers('paused')],
      [{ state: 'running' }, dockers('running')],
      [{ state: 'stopped' }, containers.length - dockers('paused') - dockers('running')],
    ]),
    metric('process_resident_memory_bytes', 'gauge', 'Memory of the daemon.', [[{}, memory]]),
    metric('process_start_time_seconds', 'gauge', 'When the daemon began, in seconds since 1970.', [[{}, startedAt]]),
  ].join('');
}

function published(containers: readonly ContainerRecord[]): Value[] {
  const ports = containers.flatMap(({ state }) => state.publishedPorts);
  const keyOf = ({ protocol, hostPort }: PublishedPort) => `${protocol} ${hostPort}`;
  const onFour = new Set(ports.filter(({ hostAddress }) => hostAddress === '0.0.0.0').map(keyOf));
  const counts = new Map<string, number>();
  for (const port of ports) {
    // One on all addresses counts once, not once for each family.
    if (port.hostAddress === '::' && onFour.has(keyOf(port))) continue;
    const key = `${port.protocol} ${port.exposure ?? 'public'}`;
    counts.set(key, (counts.get(key) ?? 0) + (port.count ?? 1));
  }
  return [...counts].sort().map(([key, count]) => {
    const [protocol = '', policy = ''] = key.split(' ');
    return [{ protocol, policy }, count];
  });
}

function countBy<T>(all: readonly T[], key: (one: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const one of all) counts.set(key(one), (counts.get(key(one)) ?? 0) + 1);
  return counts;
}

/** One value for each of `always` and for what was counted besides. */
function labelled(name: string, counts: ReadonlyMap<string, number>, always: readonly string[]): Value[] {
  return [...new Set([...always, ...counts.keys()])].map((key) => [{ [name]: key }, counts.get(key) ?? 0]);
}

function metric(name: string, type: 'gauge' | 'counter', help: string, values: readonly Value[]): string {
  const lines = values.map(([labels, value]) => {
    const text = Object.entries(labels).map(([key, of]) => `${key}="${of.replaceAll(/["\\\n]/g, '')}"`);
    return `${name}${text.length > 0 ? `{${text.join(',')}}` : ''} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}
