import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, silentLog, systemClock } from '../../base/index.ts';
import type { Member } from './member.ts';
import { Pool } from './pool.ts';

/** A clock whose timers run when the test says so. */
function manualClock(): Clock & { runTimers(): void } {
  let timers: (() => void)[] = [];
  return {
    ...systemClock(),
    later(_milliseconds, run) {
      timers.push(run);
      return () => {
        timers = timers.filter((other) => other !== run);
      };
    },
    runTimers() {
      for (const run of timers.splice(0)) run();
    },
  };
}

function poolOf(size: number) {
  const clock = manualClock();
  const rounds: number[] = [];
  let made = 0;
  const make = async (count: number): Promise<Member[]> => {
    rounds.push(count);
    await new Promise(setImmediate);
    return Array.from({ length: count }, () => ({ id: String(made++), file: '' }));
  };
  return { pool: new Pool({ make, clock, log: silentLog, size }), clock, rounds };
}

const settle = async () => {
  for (let turns = 0; turns < 10; turns += 1) await new Promise(setImmediate);
};

test('take() refills only when half of the pool is gone, and after starts have calmed down', async () => {
  const { pool, clock, rounds } = poolOf(4);
  pool.fill();
  await settle();
  assert.deepEqual(rounds, [4]);
  await pool.take();
  clock.runTimers();
  await settle();
  assert.deepEqual(rounds, [4]);
  await pool.take();
  assert.deepEqual(rounds, [4]);
  clock.runTimers();
  await settle();
  assert.deepEqual(rounds, [4, 2]);
});

test('take() by many at once is served in shared rounds, each member once', async () => {
  const { pool, rounds } = poolOf(4);
  const members = await Promise.all(Array.from({ length: 50 }, () => pool.take()));
  assert.equal(new Set(members.map(({ id }) => id)).size, 50);
  assert.ok(rounds.length <= 6, String(rounds));
});

test('fill() of a full pool does not keep later rounds from running', async () => {
  const { pool } = poolOf(2);
  pool.fill();
  await settle();
  pool.fill();
  await settle();
  const members = await Promise.all(Array.from({ length: 6 }, () => pool.take()));
  assert.equal(members.length, 6);
});

test('take() fails with what make() failed with, and the next one tries again', async () => {
  let attempts = 0;
  const make = async (): Promise<Member[]> => {
    attempts += 1;
    if (attempts === 1) throw new Error('no addresses');
    return [{ id: 'later', file: '' }];
  };
  const pool = new Pool({ make, clock: manualClock(), log: silentLog, size: 1 });
  await assert.rejects(pool.take(), /no addresses/);
  assert.equal((await pool.take()).id, 'later');
});
