import assert from 'node:assert/strict';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { isKind } from '../base/index.ts';
import type { Change, Store } from './store.ts';

const isConflict = (error: unknown) => isKind(error, 'conflict');

/** What every store must do; each implementation runs it on a fresh store that `open` makes. */
export function storeConformance(name: string, open: () => Promise<Store>): void {
  suite(`${name} store`, { timeout: 20_000 }, () => {
    let store: Store;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store[Symbol.asyncDispose]());

    test('get() returns what create() wrote, with its revision', async () => {
      const revision = await store.create('container', 'a', { name: 'web', ports: [80], text: 'ünï\n"' });
      assert.deepEqual(await store.get('container', 'a'), { id: 'a', value: { name: 'web', ports: [80], text: 'ünï\n"' }, revision });
      assert.equal(await store.get('container', 'b'), undefined);
      assert.equal(await store.get('image', 'a'), undefined);
    });

    test('create() of a row that exists fails with conflict and changes nothing', async () => {
      const revision = await store.create('container', 'a', 1);
      await assert.rejects(store.create('container', 'a', 2), isConflict);
      assert.deepEqual(await store.get('container', 'a'), { id: 'a', value: 1, revision });
    });

    test('update() makes a missing row and replaces an existing one, each with a greater revision', async () => {
      const first = await store.update('container', 'a', 1);
      const second = await store.update('container', 'a', 2);
      assert.ok(second > first);
      assert.equal((await store.get('container', 'a'))?.value, 2);
    });

    test('update() with a stale revision fails and changes nothing', async () => {
      const first = await store.create('container', 'a', 1);
      const second = await store.update('container', 'a', 2, first);
      await assert.rejects(store.update('container', 'a', 3, first), isConflict);
      await assert.rejects(store.update('container', 'gone', 3, first), isConflict);
      assert.deepEqual(await store.get('container', 'a'), { id: 'a', value: 2, revision: second });
      assert.equal(await store.get('container', 'gone'), undefined);
    });

    test('delete() tells whether there was a row, and with a stale revision fails and keeps it', async () => {
      const first = await store.create('container', 'a', 1);
      await store.update('container', 'a', 2);
      await assert.rejects(store.delete('container', 'a', first), isConflict);
      assert.equal((await store.get('container', 'a'))?.value, 2);
      assert.equal(await store.delete('container', 'a'), true);
      assert.equal(await store.delete('container', 'a'), false);
      assert.equal(await store.delete('container', 'a', first), false);
    });

    test('a row made anew after its deletion has a greater revision than the deleted one', async () => {
      const first = await store.create('container', 'a', 1);
      await store.delete('container', 'a');
      assert.ok((await store.create('container', 'a', 1)) > first + 1);
    });

    test('list() gives the rows of one kind in the order of their ids, and the newest revision', async () => {
      for (const id of ['b', 'a', 'é', 'B']) await store.create('container', id, id);
      const newest = await store.create('image', 'x', 1);
      const { rows, damaged, revision } = await store.list<string>('container');
      assert.deepEqual(
        rows.map((row) => row.value),
        ['B', 'a', 'b', 'é'],
      );
      assert.deepEqual(damaged, []);
      assert.equal(revision, newest);
    });

    test('what comes out is the caller’s own copy', async () => {
      const value = { list: [1] };
      await store.create('container', 'a', value);
      value.list.push(2);
      (await store.get<{ list: number[] }>('container', 'a'))?.value.list.push(3);
      assert.deepEqual((await store.get('container', 'a'))?.value, { list: [1] });
    });

    test('a value that is not JSON data is refused', async () => {
      await assert.rejects(store.create('container', 'a', undefined), /container\/a cannot be written/);
      assert.equal(await store.get('container', 'a'), undefined);
    });

    test('watch() from revision N replays every later change once, in order, then follows', async () => {
      const first = await store.create('container', 'a', 1);
      await store.create('image', 'other', 1);
      await store.update('container', 'a', 2);
      const stop = new AbortController();
      const seen: Change<number>[] = [];
      const watching = (async () => {
        for await (const change of store.watch<number>('container', first, stop.signal)) {
          seen.push(change);
          if (seen.length === 3) stop.abort();
        }
      })();
      await store.delete('container', 'a');
      await store.create('container', 'b', 3);
      await watching;
      assert.deepEqual(
        seen.map((change) => [change.type, change.id, change.type === 'put' ? change.value : undefined]),
        [
          ['put', 'a', 2],
          ['delete', 'a', undefined],
          ['put', 'b', 3],
        ],
      );
      assert.ok(seen.every((change, i) => i === 0 || change.revision > (seen[i - 1]?.revision ?? 0)));
    });

    test('watch() ends when its signal aborts while nothing changes', async () => {
      const stop = new AbortController();
      const changes = store.watch('container', (await store.list('container')).revision, stop.signal)[Symbol.asyncIterator]();
      const next = changes.next();
      stop.abort();
      assert.equal((await next).done, true);
    });

    test('watch() from a revision that is no longer kept is refused', async () => {
      const first = await store.create('container', 'a', 0);
      for (let i = 0; i < 1100; i++) await store.update('container', 'a', i);
      assert.throws(
        () => store.watch('container', first, new AbortController().signal),
        (error) => isKind(error, 'unavailable'),
      );
    });
  });
}
