import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineClient } from '../support/engine-client.ts';
import { imageFile, startDaemon, type TestDaemon } from '../support/index.ts';
import { Random } from '../support/random.ts';
import { assertReality } from './reality.ts';
import { loader, type Tracked, worker } from './workers.ts';

const ROUNDS = Number(process.env.GANTRY_CHAOS_ROUNDS ?? 6);
const SEED = Number(process.env.GANTRY_CHAOS_SEED ?? Math.floor(Math.random() * 1e9));
const IMAGE = 'gantry/busybox:latest';
const WORKERS = 4;

suite(`kill -9 in the middle of work (seed ${SEED}: replay with --seed ${SEED})`, () => {
  test(`${ROUNDS} rounds lose nothing that was acknowledged and leak nothing`, async () => {
    await using daemon = await startDaemon({ images: ['busybox'] });
    const archive = await imageFile('busybox');
    const random = new Random(SEED);
    for (let round = 1; round <= ROUNDS; round++) {
      const tracked: Tracked[] = [];
      const work = [
        ...Array.from({ length: WORKERS }, (_, i) =>
          worker(daemon.socket, `r${round}w${i}`, IMAGE, tracked, new Random(random.integer(2 ** 31))),
        ),
        ...(random.next() < 0.5 ? [loader(daemon.socket, archive)] : []),
      ];
      await sleep(50 + random.integer(1200));
      await daemon.kill9();
      await Promise.all(work);
      await daemon.start();
      const containers = await assertReality(daemon);
      const now = new Map(containers.map((c) => [c.Name.slice(1), c.State.Status]));
      for (const { name, expected, last } of tracked) {
        if (expected !== 'unknown') assert.equal(now.get(name) ?? 'gone', expected, `round ${round}: ${name} after ${last}`);
      }
      await clear(daemon);
    }
  });
});

/** Every container can be removed, whatever happened to it. */
async function clear(daemon: TestDaemon): Promise<void> {
  const client = new EngineClient(daemon.socket);
  for (const { Id } of await client.json<{ Id: string }[]>('GET', '/containers/json?all=1'))
    await client.json('DELETE', `/containers/${Id}?force=1&v=1`);
  assert.deepEqual(await assertReality(daemon), []);
  assert.deepEqual(
    (await client.json<{ Volumes: unknown[] | null }>('GET', '/volumes')).Volumes ?? [],
    [],
    'anonymous volumes that are left',
  );
}
