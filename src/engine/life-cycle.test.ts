import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { GantryError } from '../base/index.ts';
import type { ContainerRecord } from '../model/index.ts';
import { settle } from './testing/clock.ts';
import { engineUnderTest } from './testing/engine.ts';
import { request } from './testing/request.ts';

const never = new AbortController().signal;

suite('the life of a container', () => {
  test('start() runs it, an exit is recorded and told to those who wait', async () => {
    await using t = await engineUnderTest();
    const { id } = await t.engine.containers.create(request());
    const next = t.engine.containers.wait(id, 'next-exit', never).result;
    await t.engine.containers.start(id);
    assert.equal(t.engine.containers.get(id).state.status, 'running');
    t.runtime.exit(id, 3);
    assert.deepEqual(await next, { exitCode: 3 });
    await settle();
    assert.equal(t.engine.containers.get(id).state.exitCode, 3);
    assert.equal(t.house.layers.get(id)?.mounted, false);
    assert.equal(t.house.attached.size, 0);
  });

  test('start() of a process that ends at once still records its exit', async () => {
    await using t = await engineUnderTest();
    t.runtime.exitAtStart = 7;
    const { id } = await t.engine.containers.create(request());
    await t.engine.containers.start(id);
    assert.deepEqual(await t.engine.containers.wait(id, 'not-running', never).result, { exitCode: 7 });
  });

  test('start() that fails undoes everything and keeps the exit code of the failure', async () => {
    await using t = await engineUnderTest();
    t.runtime.failCreate = Object.assign(new GantryError('invalid', 'exec: "x": executable file not found in $PATH'), { exitCode: 127 });
    const { id } = await t.engine.containers.create(request());
    await assert.rejects(t.engine.containers.start(id), /executable file not found/);
    const { state } = t.engine.containers.get(id);
    assert.deepEqual([state.status, state.exitCode], ['created', 127]);
    assert.equal(t.house.attached.size, 0);
    assert.equal(t.house.layers.get(id)?.mounted, false);
  });

  test('an end is told when those who are attached have what was written, or do not read for two seconds', async () => {
    await using t = await engineUnderTest();
    const { id } = await t.engine.containers.create(request());
    const options = { stream: true, logs: false, stdin: false, stdout: true, stderr: true };
    const { output } = await t.engine.containers.attach(id, options, never);
    await t.engine.containers.start(id);
    t.runtime.exit(id, 0);
    await settle();
    assert.equal(t.engine.containers.get(id).state.status, 'running');
    await t.clock.advance(2000);
    assert.equal(t.engine.containers.get(id).state.status, 'exited');

    const again = await t.engine.containers.attach(id, options, never);
    await t.engine.containers.start(id);
    again.output.destroy();
    output.destroy();
    t.runtime.exit(id, 0);
    await settle();
    assert.equal(t.engine.containers.get(id).state.status, 'exited');
  });

  test('remove() lets go a client that waits for a container that never started', async () => {
    await using t = await engineUnderTest();
    const { id } = await t.engine.containers.create(request());
    const options = { stream: true, logs: false, stdin: false, stdout: true, stderr: true };
    const { output } = await t.engine.containers.attach(id, options, never);
    const ended = new Promise((resolve) => output.once('end', resolve).resume());
    await t.engine.containers.remove(id, { force: false, volumes: false, link: false });
    await ended;
  });

  test('restart() keeps a container that is removed at its end, and shows it as restarting between its end and its start', async () => {
    await using t = await engineUnderTest();
    const { id } = await t.engine.containers.create(request({ autoRemove: true }));
    await t.engine.containers.start(id);
    const ended = t.engine.containers.wait(id, 'next-exit', never).result;
    const restarted = t.engine.containers.restart(id, {});
    await ended;
    assert.equal(t.engine.containers.get(id).state.status, 'restarting');
    await restarted;
    assert.equal(t.engine.containers.get(id).state.status, 'running');
  });

  for (const [end, after] of [
    ['stop', 'exited'],
    ['kill', 'exited'],
    ['remove', undefined],
  ] as const)
    test(`${end}() of a container that is just being started ends it`, async () => {
      await using t = await engineUnderTest();
      const { containers } = t.engine;
      const { id } = await containers.create(request());
      const started = containers.start(id);
      if (end === 'stop') await containers.stop(id, {});
      else if (end === 'kill') await containers.kill(id, 'KILL');
      else await containers.remove(id, { force: true, volumes: false, link: false });
      await started;
      assert.equal(containers.list().find((record) => record.id === id)?.state.status, after);
    });

  test('the wait before a restart goes on where a killed daemon left it, and grows from there', async () => {
    await using t = await engineUnderTest();
    const { id } = await t.engine.containers.create(request({ restart: { name: 'always', maximumRetryCount: 0 } }));
    await t.engine.containers.start(id);
    for (const wait of [100, 200, 400, 800]) {
      t.runtime.exit(id, 1);
      await settle();
      await t.clock.advance(wait);
    }
    t.runtime.exit(id, 1);
    await settle();
    await t.clock.advance(500);
    await using again = await t.reborn();
    assert.equal(again.engine.containers.get(id).state.status, 'restarting');
    await again.clock.advance(1000);
    assert.equal(again.engine.containers.get(id).state.status, 'restarting');
    await again.clock.advance(100);
    assert.equal(again.engine.containers.get(id).state.status, 'running');
    again.runtime.exit(id, 1);
    await settle();
    await again.clock.advance(3100);
    assert.equal(again.engine.containers.get(id).state.status, 'restarting');
    await again.clock.advance(100);
    assert.deepEqual([again.engine.containers.get(id).state.status, again.engine.containers.get(id).state.restartCount], ['running', 6]);
  });

  test('start() of a running container is unchanged', async () => {
    await using t = await engineUnderTest();
    const { id } = await t.engine.containers.create(request());
    await t.engine.containers.start(id);
    await assert.rejects(t.engine.containers.start(id), (e: GantryError) => e.kind === 'unchanged');
  });

  test('stop() sends SIGKILL when the grace period passes', async () => {
    await using t = await engineUnderTest();
    t.runtime.deadly = new Set([9]);
    const { id } = await t.engine.containers.create(request());
    await t.engine.containers.start(id);
    const stopped = t.engine.containers.stop(id, { timeout: 5 });
    await settle();
    assert.deepEqual(t.runtime.signals, [{ id, signal: 15 }]);
    await t.clock.advance(4999);
    assert.equal(t.engine.containers.get(id).state.status, 'running');
    await t.clock.advance(1);
    await stopped;
    assert.equal(t.engine.containers.get(id).state.exitCode, 137);
    assert.match((await t.engine.containers.why(id)).summary, /someone stopped it.*did not end within 5 s/);
  });

  test('a container that keeps ending is restarted after doubling waits, until someone stops it', async () => {
    await using t = await engineUnderTest();
    const { id } = await t.engine.containers.create(request({ restart: { name: 'always', maximumRetryCount: 0 } }));
    await t.engine.containers.start(id);
    for (const wait of [100, 200, 400]) {
      t.runtime.exit(id, 1);
      await settle();
      assert.equal(t.engine.containers.get(id).state.status, 'restarting');
      await t.clock.advance(wait - 1);
      assert.equal(t.engine.containers.get(id).state.status, 'restarting');
      await t.clock.advance(1);
      assert.equal(t.engine.containers.get(id).state.status, 'running');
    }
    assert.equal(t.engine.containers.get(id).state.restartCount, 3);
    t.runtime.exit(id, 1);
    await settle();
    const waiting = t.engine.containers.wait(id, 'not-running', never).result;
    await t.engine.containers.stop(id, {});
    assert.equal((await waiting).exitCode, 1);
    await t.clock.advance(60_000);
    assert.equal(t.engine.containers.get(id).state.status, 'exited');
  });

  test('remove() refuses a running container, and with force kills it', async () => {
    await using t = await engineUnderTest();
    const { id } = await t.engine.containers.create(request({}, 'web'));
    await t.engine.containers.start(id);
    const removed = t.engine.containers.wait(id, 'removed', never).result;
    await assert.rejects(
      t.engine.containers.remove('web', { force: false, volumes: false, link: false }),
      /cannot remove container "web".*running/,
    );
    await t.engine.containers.remove('web', { force: true, volumes: false, link: false });
    assert.equal((await removed).exitCode, 137);
    assert.equal(t.engine.containers.list().length, 0);
    assert.equal(t.house.layers.size, 0);
  });

  test('a container with auto-remove goes when it ends', async () => {
    await using t = await engineUnderTest();
    const { id } = await t.engine.containers.create(request({ autoRemove: true }));
    t.runtime.exitAtStart = 0;
    const removed = t.engine.containers.wait(id, 'removed', never).result;
    await t.engine.containers.start(id);
    assert.equal((await removed).exitCode, 0);
    assert.throws(() => t.engine.containers.get(id), /No such container/);
  });

  test('an aborted wait leaves nothing behind', async () => {
    await using t = await engineUnderTest();
    const { id } = await t.engine.containers.create(request());
    const abort = new AbortController();
    const { result } = t.engine.containers.wait(id, 'next-exit', abort.signal);
    abort.abort(new Error('client left'));
    await assert.rejects(result, /client left/);
  });

  test('names and id prefixes resolve alike, and a taken name is refused', async () => {
    await using t = await engineUnderTest();
    const { id } = await t.engine.containers.create(request({}, '/web'));
    for (const reference of ['web', '/web', id, id.slice(0, 4)]) assert.equal(t.engine.containers.get(reference).id, id);
    await assert.rejects(t.engine.containers.create(request({}, 'web')), /Conflict\. The container name "\/web" is already in use/);
    await assert.rejects(t.engine.containers.create(request({}, 'a b')), /Invalid container name \(a b\)/);
  });
});

suite('after kill -9 of the daemon', () => {
  test('what runs is adopted, what ended is recorded with its own code and time', async () => {
    await using t = await engineUnderTest();
    const { id: lives } = await t.engine.containers.create(request());
    const { id: ended } = await t.engine.containers.create(request());
    for (const id of [lives, ended]) await t.engine.containers.start(id);
    await using next = await t.reborn((runtime, house) => {
      runtime.running.set(lives, { status: 'running' });
      runtime.observations.set(lives, { status: 'running', pid: 99, startTime: 5 });
      runtime.observations.set(ended, { status: 'stopped', exitCode: 4, finishedAt: '2026-01-01T00:00:07.000Z', oomKilled: false });
      house.layers.set(lives, { mounted: true }).set(ended, { mounted: true });
    });
    await settle();
    assert.equal(next.engine.containers.get(lives).state.pid, 99);
    assert.deepEqual(
      next.house.startedWith.map((a) => a.containerId),
      [lives],
    );
    const { state } = next.engine.containers.get(ended);
    assert.deepEqual([state.status, state.exitCode, state.finishedAt], ['exited', 4, '2026-01-01T00:00:07.000Z']);
    assert.equal(next.house.layers.get(ended)?.mounted, false);
  });

  test('half-made things are undone: creates and removals go, starts are taken back', async () => {
    await using t = await engineUnderTest();
    const ids: string[] = [];
    for (const operation of ['create', 'start', 'remove'] as const) {
      const { id } = await t.engine.containers.create(request());
      const row = await t.store.get<ContainerRecord>('container', id);
      assert.ok(row);
      await t.store.update('container', id, { ...row.value, intent: { operation, since: '' } });
      ids.push(id);
    }
    const [created = '', started = '', removed = ''] = ids;
    await using next = await t.reborn((runtime, house) => {
      runtime.running.set(started, { status: 'created' });
      for (const id of [...ids, 'stranger']) house.layers.set(id, { mounted: true });
    });
    await settle();
    assert.deepEqual(
      next.engine.containers.list().map((c) => c.id),
      [started],
    );
    assert.equal(next.engine.containers.get(started).state.status, 'created');
    assert.equal(next.engine.containers.get(started).intent, undefined);
    assert.deepEqual(await next.runtime.list(), []);
    assert.deepEqual([...next.house.layers.keys()], [started]);
    assert.ok(created && removed);
  });

  test('restart policies go on', async () => {
    await using t = await engineUnderTest();
    const { id } = await t.engine.containers.create(request({ restart: { name: 'always', maximumRetryCount: 0 } }));
    await t.engine.containers.start(id);
    await using next = await t.reborn((runtime) => {
      runtime.observations.set(id, { status: 'stopped', exitCode: 1, finishedAt: t.clock.timestamp(), oomKilled: false });
    });
    await settle();
    await next.clock.advance(100);
    assert.equal(next.engine.containers.get(id).state.status, 'running');
  });
});
