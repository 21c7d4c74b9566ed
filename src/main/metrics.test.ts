import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MetricsSource } from '../api/metrics/index.ts';
import { isKind, silentLog } from '../base/index.ts';
import type { PublishedPort } from '../model/index.ts';
import { serveMetrics } from './metrics.ts';

const web = (hostAddress: string): PublishedPort => ({ containerPort: 80, protocol: 'tcp', hostAddress, hostPort: 8080 });
const range: PublishedPort = { containerPort: 9000, protocol: 'udp', hostAddress: '0.0.0.0', hostPort: 9000, count: 100, exposure: 'lan' };
const container = (status: string, publishedPorts: PublishedPort[] = []) => ({ state: { status, restartCount: 1, publishedPorts } });

const engine = {
  containers: {
    list: () => [
      container('running', [web('0.0.0.0'), web('::')]),
      container('running', [range]),
      container('paused'),
      container('exited'),
    ],
  },
  network: { drift: { rules: 1, links: 2, sysctls: 0 }, list: () => [{ driver: 'bridge' }, { driver: 'bridge' }, { driver: 'host' }] },
} as unknown as MetricsSource['engine'];

test('serveMetrics() tells Prometheus of containers by state, published ports by policy and what was put right', async () => {
  await using _server = await serveMetrics('127.0.0.1:19323', engine, silentLog);
  const text = await (await fetch('http://127.0.0.1:19323/metrics')).text();
  const has = (line: string) => assert.ok(text.split('\n').includes(line), `${line}: ${text}`);
  has('engine_daemon_container_states_containers{state="running"} 2');
  has('engine_daemon_container_states_containers{state="stopped"} 1');
  has('gantry_containers{state="exited"} 1');
  has('gantry_containers{state="created"} 0');
  has('gantry_published_ports{protocol="tcp",policy="public"} 1');
  has('gantry_published_ports{protocol="udp",policy="lan"} 100');
  has('gantry_networks{driver="bridge"} 2');
  assert.match(text, /^# TYPE gantry_network_drift_total counter\ngantry_network_drift_total\{kind="rules"\} 1$/m);
  assert.match(text, /\n$/);
  assert.equal((await fetch('http://127.0.0.1:19323/other')).status, 404);
  await assert.rejects(
    serveMetrics('127.0.0.1:19323', engine, silentLog),
    (error) => isKind(error, 'invalid') && /--metrics-addr 127\.0\.0\.1:19323: .*EADDRINUSE/.test(String(error)),
  );
});
