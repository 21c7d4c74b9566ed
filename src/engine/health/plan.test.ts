import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { HealthCheck, HealthState } from '../../model/index.ts';
import { afterProbe, nextProbeDelay, probeCommand } from './plan.ts';

const second = 1_000_000_000;
const check: HealthCheck = {
  test: ['CMD', 'true'],
  interval: 10 * second,
  timeout: second,
  startPeriod: 60 * second,
  startInterval: 2 * second,
  retries: 2,
};
const starting: HealthState = { status: 'starting', failingStreak: 0, log: [] };
const probe = (exitCode: number) => ({ start: '', end: '', exitCode, output: '' });

suite('health', () => {
  test('afterProbe() does not count failures in the start period', () => {
    assert.equal(afterProbe(check, starting, probe(1), 30_000).failingStreak, 0);
    assert.equal(afterProbe(check, starting, probe(1), 61_000).failingStreak, 1);
  });

  test('afterProbe() turns unhealthy after as many failures in a row as retries says, and healthy at the first success', () => {
    const once = afterProbe(check, { ...starting, status: 'healthy' }, probe(1), 70_000);
    assert.equal(once.status, 'healthy');
    const twice = afterProbe(check, once, probe(1), 80_000);
    assert.equal(twice.status, 'unhealthy');
    assert.deepEqual({ ...afterProbe(check, twice, probe(0), 90_000), log: [] }, { status: 'healthy', failingStreak: 0, log: [] });
  });

  test('afterProbe() keeps the newest five probes', () => {
    let state = starting;
    for (let i = 0; i < 8; i++) state = afterProbe(check, state, { ...probe(0), output: String(i) }, 0);
    assert.deepEqual(
      state.log.map((p) => p.output),
      ['3', '4', '5', '6', '7'],
    );
  });

  test('nextProbeDelay() uses the start interval only while starting', () => {
    assert.equal(nextProbeDelay(check, starting, 1000), 2000);
    assert.equal(nextProbeDelay(check, starting, 61_000), 10_000);
    assert.equal(nextProbeDelay(check, { ...starting, status: 'healthy' }, 1000), 10_000);
  });

  test('probeCommand() runs CMD as it is, CMD-SHELL through the shell, and NONE not at all', () => {
    assert.deepEqual(probeCommand(check, ['/bin/sh', '-c']), ['true']);
    assert.deepEqual(probeCommand({ ...check, test: ['CMD-SHELL', 'a b'] }, ['/bin/sh', '-c']), ['/bin/sh', '-c', 'a b']);
    assert.equal(probeCommand({ ...check, test: ['NONE'] }, []), undefined);
  });
});
