import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isKind } from '../base/index.ts';
import type { Engine } from '../engine/index.ts';
import { serveMetrics } from './metrics.ts';

const engine = {
  containers: { list: () => ['running', 'running', 'paused', 'exited'].map((status) => ({ state: { status } })) },
  network: { drift: { rules: 1, links: 2, sysctls: 0 } },
} as unknown as Engine;

test('serveMetrics() tells Prometheus of containers by state and of what was put right', async () => {
  await using _server = await serveMetrics('127.0.0.1:19323', engine);
  const text = await (await fetch('http://127.0.0.1:19323/metrics')).text();
  assert.match(text, /^engine_daemon_container_states_containers\{state="running"\} 2$/m);
  assert.match(text, /^engine_daemon_container_states_containers\{state="stopped"\} 1$/m);
  assert.match(text, /^# TYPE gantry_network_drift_total counter\ngantry_network_drift_total\{kind="rules"\} 1$/m);
  assert.match(text, /\n$/);
  assert.equal((await fetch('http://127.0.0.1:19323/other')).status, 404);
  await assert.rejects(serveMetrics('127.0.0.1:19323', engine), (error) => isKind(error, 'invalid') && /EADDRINUSE/.test(String(error)));
  await assert.rejects(serveMetrics('9323', engine), /--metrics-addr 9323: it reads ADDRESS:PORT/);
});
