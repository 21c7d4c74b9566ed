import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { HealthCheck, Recovery } from '../../model/index.ts';
import { afterRecovery, checkRecovery, planRecovery, RESTART_UNHEALTHY } from './recovery-plan.ts';

const START = Date.parse('2026-01-01T00:00:00Z');
const healthCheck: HealthCheck = { test: ['CMD', 'true'], interval: 0, timeout: 0, startPeriod: 0, startInterval: 0, retries: 0 };
const asks = (value: string) => ({ labels: { [RESTART_UNHEALTHY]: value }, autoRemove: false, healthCheck });

suite('restarts of the unhealthy', () => {
  test('planRecovery() restarts at once, then waits ever longer, up to five minutes', () => {
    const waits: number[] = [];
    let now = START;
    let recovery: Recovery | undefined;
    for (let i = 0; i < 9; i++) {
      const planned = planRecovery(recovery, now);
      waits.push((Date.parse(planned.due) - now) / 1000);
      now = Date.parse(planned.due);
      recovery = afterRecovery({ ...planned, ending: true }, new Date(now).toISOString());
      now += 30_000;
    }
    assert.deepEqual(waits, [0, 10, 20, 40, 80, 160, 300, 300, 300]);
  });

  test('planRecovery() begins anew for one that ran ten minutes since', () => {
    const recovery = { restarts: 5, restartedAt: new Date(START).toISOString() };
    assert.equal(Date.parse(planRecovery(recovery, START + 600_000).due), START + 600_000);
    assert.equal(Date.parse(planRecovery(recovery, START + 599_000).due), START + 599_000 + 160_000);
  });

  test('afterRecovery() counts only restarts for being unhealthy, and forgets what was due', () => {
    assert.deepEqual(afterRecovery({ restarts: 2, due: 'x', ending: true }, 'now'), { restarts: 3, restartedAt: 'now' });
    assert.deepEqual(afterRecovery({ restarts: 2, restartedAt: 'then', due: 'x' }, 'now'), { restarts: 2, restartedAt: 'then' });
    assert.equal(afterRecovery(undefined, 'now'), undefined);
  });

  test('checkRecovery() refuses what cannot be meant and warns of what has no effect', () => {
    assert.equal(checkRecovery(asks('true')), undefined);
    assert.throws(() => checkRecovery(asks('yes')), /gantry\.restart-unhealthy=yes: it is true or false/);
    assert.throws(() => checkRecovery({ ...asks('true'), autoRemove: true }), /conflicting options/);
    assert.match(checkRecovery({ ...asks('true'), healthCheck: { ...healthCheck, test: ['NONE'] } }) ?? '', /no health check/);
    assert.equal(checkRecovery({ labels: {}, autoRemove: true }), undefined);
  });
});
