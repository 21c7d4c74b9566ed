import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { GantryError, isKind } from '../../base/index.ts';
import { storeConformance } from '../conformance.ts';
import { openStore } from './sqlite.ts';

const folder = mkdtempSync(join(tmpdir(), 'gantry-store-'));
after(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;
const freshPath = () => join(folder, `${(count += 1)}`, 'state.db');

storeConformance('sqlite', () => openStore(freshPath()));

test('rows and the order of revisions outlive the store, also when it was never closed', async () => {
  const path = freshPath();
  const first = await openStore(path);
  await first.create('container', 'a', 1);
  const deleted = await first.create('container', 'b', 1);
  await first.delete('container', 'b');
  await using second = await openStore(path);
  assert.equal((await second.get('container', 'a'))?.value, 1);
  assert.ok((await second.create('container', 'b', 1)) > deleted + 1);
  await first[Symbol.asyncDispose]();
});

test('two processes on one file never hand out the same revision, also past the end of a block', async () => {
  const path = freshPath();
  await using first = await openStore(path);
  await using second = await openStore(path);
  const seen = new Set<number>();
  for (let i = 0; i < 10_100; i++) seen.add(await first.update('container', 'a', i));
  for (let i = 0; i < 10_100; i++) seen.add(await second.update('container', 'b', i));
  for (let i = 0; i < 10_100; i++) seen.add(await first.update('container', 'a', i));
  assert.equal(seen.size, 30_300);
  await using third = await openStore(path);
  assert.ok((await third.create('container', 'c', 1)) > Math.max(...seen));
});

test('a row that is not JSON is reported as damaged and the others are read', async () => {
  const path = freshPath();
  await using store = await openStore(path);
  await store.create('container', 'a', 1);
  await store.create('container', 'b', 2);
  const database = new DatabaseSync(path);
  database.exec(`UPDATE rows SET value = '{"name": "we' WHERE id = 'a'; INSERT INTO rows VALUES ('container', 'c', 'x', x'00ff')`);
  database.close();
  const { rows, damaged } = await store.list('container');
  assert.deepEqual(
    rows.map((row) => row.id),
    ['b'],
  );
  assert.deepEqual(
    damaged.map((row) => row.id),
    ['a', 'c'],
  );
  await assert.rejects(store.get('container', 'a'), /container\/a cannot be read/);
  assert.equal(await store.delete('container', 'a'), true, 'a damaged row can be removed');
});

test('a damaged file is an error that names it and says how to go on, and stays as it is', async () => {
  const path = freshPath();
  const store = await openStore(path);
  for (let i = 0; i < 200; i++) await store.create('container', `${i}`, 'x'.repeat(500));
  await store[Symbol.asyncDispose]();
  for (const broken of [Buffer.from('this is no database, not at all'.repeat(200)), garbled(readFileSync(path))]) {
    writeFileSync(path, broken);
    await assert.rejects(openStore(path), (error) => {
      assert.ok(error instanceof GantryError && error.kind === 'unavailable');
      assert.match(error.message, new RegExp(`${path} is damaged`));
      assert.match(error.hint ?? '', /recover/);
      return true;
    });
    assert.deepEqual(readFileSync(path), broken);
  }
});

test('a file of a newer schema is refused', async () => {
  const path = freshPath();
  await (await openStore(path))[Symbol.asyncDispose]();
  const database = new DatabaseSync(path);
  database.exec('PRAGMA user_version = 99');
  database.close();
  await assert.rejects(openStore(path), (error) => isKind(error, 'unavailable') && /schema version 99/.test(String(error)));
});

test('the file can be read by its owner only', async () => {
  const path = freshPath();
  await using store = await openStore(path);
  await store.create('container', 'a', { env: ['PASSWORD=secret'] });
  for (const name of [path, `${path}-wal`]) assert.equal(statSync(name).mode & 0o777, 0o600);
});

test('a change takes about 0.1 ms at most', async () => {
  await using store = await openStore(freshPath());
  const value = { name: 'x', filler: 'y'.repeat(3000) };
  const times: number[] = [];
  for (let i = 0; i < 1000; i++) {
    const start = performance.now();
    await store.update('container', `${i % 50}`, value);
    times.push(performance.now() - start);
  }
  const median = times.sort((a, b) => a - b)[500] ?? Infinity;
  // Loose, because other work may keep the processors busy; an fsync per change would be far above it.
  assert.ok(median < 0.3, `median ${median} ms`);
});

function garbled(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.fill(0x5a, 4096, 4096 * 8);
  return copy;
}
