import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isKind } from '../../base/index.ts';
import type { ContainerRecord } from '../../model/index.ts';
import type { Store } from '../../store/index.ts';
import { settle } from '../testing/clock.ts';
import { type EngineUnderTest, engineUnderTest } from '../testing/engine.ts';
import { request } from '../testing/request.ts';

const web = (name: string) =>
  request(
    {
      ports: [{ containerPort: 80, protocol: 'tcp', hostAddress: '', hostPorts: { from: 8080, to: 8080 } }],
      restart: { name: 'always', maximumRetryCount: 0 },
    },
    name,
  );

/** A container that serves, and one that stands by for it; both run. */
async function pair(t: EngineUnderTest): Promise<{ old: string; fresh: string }> {
  const { containers, handOver } = t.engine;
  const [{ id: old }, { id: fresh }] = [await containers.create(web('old')), await containers.create(web('fresh'))];
  await containers.start(old);
  await handOver.standBy(fresh, old);
  await containers.start(fresh);
  return { old, fresh };
}

const ports = (t: EngineUnderTest, id: string) => t.engine.containers.get(id).state.publishedPorts.map(({ hostPort }) => hostPort);
const roles = (t: EngineUnderTest, ...ids: string[]) => ids.map((id) => t.engine.handOver.describe(id).role);

/** What a daemon finds that starts after `kill -9` while both go on running. */
const alive =
  (...ids: string[]) =>
  (runtime: EngineUnderTest['runtime']) => {
    for (const id of ids) {
      runtime.running.set(id, { status: 'running' });
      runtime.observations.set(id, { status: 'running', pid: 1234, startTime: 1 });
    }
  };

const rowOf = async (store: Store, id: string) => (await store.get<ContainerRecord>('container', id))?.value as ContainerRecord;

suite('a hand-over', () => {
  test('gives ports to the container that stood by, and the one that was relieved is not started again by itself', async () => {
    await using t = await engineUnderTest();
    const { old, fresh } = await pair(t);
    assert.deepEqual([ports(t, old), ports(t, fresh), roles(t, old, fresh)], [[8080], [], ['serving', 'standby']]);
    await t.engine.handOver.takeOver(fresh);
    assert.deepEqual([ports(t, old), ports(t, fresh), roles(t, old, fresh)], [[], [8080], ['relieved', 'serving']]);
    t.runtime.exit(old, 1);
    await settle();
    assert.equal(t.engine.containers.get(old).state.status, 'exited');
    assert.match((await t.engine.containers.why(fresh)).decisions.at(-1)?.why ?? '', /ports and names of old/);
  });

  test('goes back the same way, and has an end', async () => {
    await using t = await engineUnderTest();
    const { old, fresh } = await pair(t);
    await t.engine.handOver.takeOver(fresh);
    await t.engine.handOver.takeOver(old);
    assert.deepEqual([ports(t, old), ports(t, fresh), roles(t, old, fresh)], [[8080], [], ['serving', 'relieved']]);
    await assert.rejects(t.engine.handOver.takeOver(old), (error) => isKind(error, 'unchanged'));
  });

  test('can be one-sided: a container stands down before it is stopped, and may come back', async () => {
    await using t = await engineUnderTest();
    const { id } = await t.engine.containers.create(web('old'));
    await assert.rejects(t.engine.handOver.standDown(id), /is not running/);
    await t.engine.containers.start(id);
    await t.engine.handOver.standDown(id);
    assert.deepEqual([ports(t, id), roles(t, id)], [[8080], ['relieved']]);
    await t.engine.handOver.takeOver(id);
    assert.deepEqual(roles(t, id), ['serving']);
    const { id: another } = await t.engine.containers.create(web('another'));
    await t.engine.handOver.standBy(another);
    await t.engine.containers.start(another);
    assert.deepEqual([ports(t, another), roles(t, another)], [[], ['standby']]);
    await t.engine.handOver.takeOver(another);
    assert.deepEqual([ports(t, another), roles(t, another)], [[8080], ['serving']]);
  });

  test('is refused for what runs already, for itself, and in chains', async () => {
    await using t = await engineUnderTest();
    const { old, fresh } = await pair(t);
    const { id: third } = await t.engine.containers.create(web('third'));
    await assert.rejects(t.engine.handOver.standBy(old, fresh), /stands by for another one itself/);
    await assert.rejects(t.engine.handOver.standBy(old, third), /runs already/);
    await assert.rejects(t.engine.handOver.standBy(third, third), /cannot stand by for itself/);
    await t.engine.handOver.standBy(third, old);
    await assert.rejects(t.engine.handOver.takeOver(third), /is not running/);
  });

  test('that fails leaves all as it was', async () => {
    await using t = await engineUnderTest();
    const { old, fresh } = await pair(t);
    t.house.beforeTakeOver = () => {
      throw new Error('port is already allocated');
    };
    await assert.rejects(t.engine.handOver.takeOver(fresh), /already allocated/);
    assert.deepEqual([ports(t, old), ports(t, fresh), roles(t, old, fresh)], [[8080], [], ['serving', 'standby']]);
    assert.equal(t.engine.containers.get(fresh).intent, undefined);
  });

  test('that was cut short by the end of the daemon is finished by the next one', async () => {
    await using t = await engineUnderTest();
    const { old, fresh } = await pair(t);
    // The kernel has it, and no row but the intent tells of it.
    const before = { old: await rowOf(t.store, old), fresh: await rowOf(t.store, fresh) };
    await t.store.update('container', fresh, { ...before.fresh, intent: { operation: 'take-over', since: '2026-01-01T00:00:00Z' } });
    await using next = await t.reborn(alive(old, fresh));
    assert.deepEqual([ports(next, old), ports(next, fresh), roles(next, old, fresh)], [[], [8080], ['relieved', 'serving']]);
    assert.equal(next.engine.containers.get(fresh).intent, undefined);
  });

  test('whose new container ended meanwhile is undone, unless the old one was relieved already', async () => {
    await using t = await engineUnderTest();
    const { old, fresh } = await pair(t);
    const intent = { operation: 'take-over' as const, since: '2026-01-01T00:00:00Z' };
    const quiet = (row: ContainerRecord) => ({ ...row, spec: { ...row.spec, restart: { name: 'no' as const, maximumRetryCount: 0 } } });
    await t.store.update('container', fresh, { ...quiet(await rowOf(t.store, fresh)), intent });
    await using next = await t.reborn(alive(old));
    assert.deepEqual([ports(next, old), roles(next, old, fresh)], [[8080], ['serving', 'standby']]);
    await t.store.update('container', old, { ...(await rowOf(t.store, old)), relievedBy: fresh });
    await t.store.update('container', fresh, { ...(await rowOf(t.store, fresh)), intent });
    await using last = await t.reborn(alive(old));
    assert.deepEqual(roles(last, old, fresh), ['relieved', 'serving']);
  });
});
