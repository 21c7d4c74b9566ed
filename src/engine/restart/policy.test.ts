import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { NEVER, type RestartPolicy } from '../../model/index.ts';
import { decideRestart, restartsAtBoot } from './policy.ts';

const facts = { exitCode: 1, stoppedByUser: false, unhealthy: false, restartCount: 0, lived: 50, lastDelay: 0 };
const policy = (name: RestartPolicy['name'], maximumRetryCount = 0): RestartPolicy => ({ name, maximumRetryCount });

suite('restart policy', () => {
  test('decideRestart() doubles the wait up to a minute while the container dies young', () => {
    const waits = [];
    let lastDelay = 0;
    for (let i = 0; i < 12; i++) waits.push((lastDelay = decideRestart(policy('always'), { ...facts, lastDelay }).delay));
    assert.deepEqual(waits, [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000]);
  });

  test('decideRestart() begins with the first wait again after ten seconds of life', () => {
    assert.equal(decideRestart(policy('always'), { ...facts, lived: 10_000, lastDelay: 51_200 }).delay, 100);
  });

  for (const [name, maximum, patch, expected] of [
    ['no', 0, {}, false],
    ['always', 0, { exitCode: 0 }, true],
    ['always', 0, { stoppedByUser: true }, false],
    ['no', 0, { unhealthy: true, exitCode: 0 }, true],
    ['no', 0, { unhealthy: true, stoppedByUser: true }, false],
    ['unless-stopped', 0, { exitCode: 0 }, true],
    ['on-failure', 0, { exitCode: 0 }, false],
    ['on-failure', 0, { restartCount: 1000 }, true],
    ['on-failure', 3, { restartCount: 2 }, true],
    ['on-failure', 3, { restartCount: 3 }, false],
  ] as const) {
    test(`decideRestart() says ${expected} for ${name}:${maximum} with ${JSON.stringify(patch)}`, () => {
      const decision = decideRestart(policy(name, maximum), { ...facts, ...patch });
      assert.equal(decision.restart, expected);
      assert.match(decision.why, /restart policy|unhealthy/);
    });
  }

  for (const [name, patch, expected] of [
    ['always', { stoppedByUser: true }, true],
    ['always', { status: 'created', startedAt: NEVER }, false],
    ['unless-stopped', { stoppedByUser: true }, false],
    ['unless-stopped', {}, true],
    ['on-failure', { exitCode: 0 }, false],
    ['on-failure', {}, true],
    ['no', {}, false],
    ['no', { status: 'restarting', stoppedByUser: true }, true],
    ['no', { recovery: { restarts: 0, ending: true } }, true],
    ['no', { recovery: { restarts: 0, ending: true }, stoppedByUser: true }, false],
  ] as const) {
    test(`restartsAtBoot() says ${expected} for ${name} with ${JSON.stringify(patch)}`, () => {
      const state = { status: 'exited', exitCode: 1, stoppedByUser: false, startedAt: '2026-01-01T00:00:00Z', restartCount: 0, ...patch };
      assert.equal(restartsAtBoot(policy(name), state, NEVER), expected);
    });
  }
});
