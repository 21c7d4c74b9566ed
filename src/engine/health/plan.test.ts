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
const plain: HealthCheck = { ...check, interval: 30 * second, startPeriod: 0, startInterval: 0, retries: 3 };
const starting: HealthState = { status: 'starting', failingStreak: 0, log: [] };
const probe = (exitCode: number, took = 20) => ({
  start: new Date(0).toISOString(),
  end: new Date(took).toISOString(),
  exitCode,
  output: '',
});

/** When probes end, in milliseconds since the start, and what comes of them when all fail. */
function failing(of: HealthCheck, until: number, took = 20): { at: number; state: HealthState }[] {
  const seen: { at: number; state: HealthState }[] = [];
  let state = starting;
  for (let at = 0; at < until; ) {
    at += nextProbeDelay(of, state, at) + took;
    state = afterProbe(of, state, probe(1, took), at);
    seen.push({ at, state });
  }
  return seen;
}

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

  test('nextProbeDelay() uses the start interval until the first success, and the interval from then on', () => {
    assert.equal(nextProbeDelay(check, starting, 1000), 2000);
    assert.equal(nextProbeDelay({ ...check, startPeriod: 0 }, starting, 1000), 2000);
    assert.equal(nextProbeDelay(check, { ...starting, status: 'healthy' }, 1000), 10_000);
    assert.equal(nextProbeDelay(check, { ...starting, status: 'unhealthy' }, 1000), 10_000);
  });

  test('without a start interval it looks five times a second at first, then ever less often, never longer than the interval', () => {
    assert.equal(nextProbeDelay(plain, starting, 0), 200);
    assert.equal(nextProbeDelay(plain, starting, 20_000), 2000);
    assert.equal(nextProbeDelay({ ...plain, startPeriod: 3600 * second }, starting, 1_000_000), 30_000);
    assert.equal(nextProbeDelay({ ...plain, interval: second / 10 }, starting, 0), 100);
  });

  test('probes that take long are made less often', () => {
    assert.equal(nextProbeDelay(plain, { ...starting, log: [probe(1, 1000)] }, 3000), 5000);
  });

  for (const [name, of, verdict] of [
    ['no start period', plain, 90_000],
    ['a start period', { ...plain, startPeriod: 40 * second }, 100_000],
    ['a start period and interval', { ...check, startInterval: second, startPeriod: 20 * second }, 30_000],
  ] as const) {
    test(`one that never starts is unhealthy when Docker says so, however often it was looked at: ${name}`, () => {
      const seen = failing(of, verdict + 5000);
      const unhealthy = seen.find(({ state }) => state.status === 'unhealthy');
      assert.ok(unhealthy && Math.abs(unhealthy.at - verdict) < 2100, `unhealthy at ${unhealthy?.at}`);
      assert.ok(seen.length > (of.retries ?? 0) + 5, 'looks came between');
    });
  }

  test('probeCommand() runs CMD as it is, CMD-SHELL through the shell, and NONE not at all', () => {
    assert.deepEqual(probeCommand(check, ['/bin/sh', '-c']), ['true']);
    assert.deepEqual(probeCommand({ ...check, test: ['CMD-SHELL', 'a b'] }, ['/bin/sh', '-c']), ['/bin/sh', '-c', 'a b']);
    assert.equal(probeCommand({ ...check, test: ['NONE'] }, []), undefined);
  });
});
