import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLog, systemClock } from '../../base/index.ts';
import { memoryStore } from '../../store/index.ts';
import type { CacheEntry } from '../builder.ts';
import { TestLayers } from '../testing/layers.ts';
import { CacheMounts } from './cache-mounts.ts';
import type { StepRecord } from './record.ts';
import { StepCache } from './step-cache.ts';
import { bytesToKeep, entriesToPrune } from './usage.ts';

const DAY = 86_400_000;

function folder() {
  const path = mkdtempSync(join(tmpdir(), 'gantry-build-cache-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

async function layerOf(layers: TestLayers, text: string) {
  const directory = join(layers.folder, text);
  mkdirSync(directory);
  writeFileSync(join(directory, 'file'), text);
  return await layers.capture(directory);
}

function record(key: string, diffId: string): StepRecord {
  const now = '2026-01-01T00:00:00Z';
  return { key, diffId, size: 1, createdAt: now, lastUsedAt: now, usageCount: 1, description: `RUN ${key}`, parents: [] };
}

test('records survive a restart; those without a layer and pins without a record do not', async () => {
  using place = folder();
  const layers = new TestLayers(place.path);
  const { assembly } = layers;
  const options = { store: memoryStore(), assembly, clock: systemClock(), log: silentLog };
  const first = new StepCache(options);
  const [kept, lost] = [await layerOf(layers, 'kept'), await layerOf(layers, 'lost')];
  await first.add(record('a', kept.diffId));
  await first.add(record('b', lost.diffId));
  await assembly.pin('build:stray', [kept.diffId]);
  await assembly.pin("someone's", [kept.diffId]);
  first.touch('a');
  await first.flush();
  layers.forget(lost.diffId);

  const second = new StepCache(options);
  await second.load();
  assert.equal(second.find('a')?.usageCount, 2);
  assert.equal(second.find('b'), undefined);
  assert.deepEqual([...layers.pins.keys()].sort(), ['build:a', "someone's"]);
});

test('pruning takes the least recently used first, and leaves what is in use, shared, young or below the bound', () => {
  const entry = (id: string, days: number, patch: Partial<CacheEntry> = {}): CacheEntry => {
    const lastUsedAt = new Date((100 - days) * DAY).toISOString();
    const rest = {
      kind: 'step',
      description: '',
      size: 10,
      inUse: false,
      shared: false,
      createdAt: '',
      usageCount: 1,
    } as const;
    return { id, ...rest, parents: [], lastUsedAt, ...patch };
  };
  const entries = [
    entry('new', 1),
    entry('old', 9),
    entry('used', 8, { inUse: true }),
    entry('shared', 7, { shared: true }),
    entry('mid', 5),
  ];
  const chosen = (options: Parameters<typeof entriesToPrune>[1]) => entriesToPrune(entries, options, 100 * DAY, 100).map(({ id }) => id);
  assert.deepEqual(chosen({ all: false }), ['old', 'mid', 'new']);
  assert.deepEqual(chosen({ all: true }), ['old', 'shared', 'mid', 'new']);
  assert.deepEqual(chosen({ all: false, unusedFor: 4 * DAY }), ['old', 'mid']);
  assert.deepEqual(chosen({ all: false, keep: { reserved: 25 } }), ['old', 'mid']);
  assert.deepEqual(chosen({ all: false, filter: ({ id }) => id !== 'old' }), ['mid', 'new']);
});

test('pruning stops at what the cache may take, at what is free on the disk, and never goes below what is reserved', () => {
  const kept = (bounds: Parameters<typeof bytesToKeep>[0]) => bytesToKeep(bounds, 50, 100);
  assert.equal(kept({}), undefined);
  assert.equal(kept({ reserved: 30 }), 30);
  assert.equal(kept({ maxUsed: 40 }), 40);
  assert.equal(kept({ minFree: 90 }), 50);
  assert.equal(kept({ minFree: 120 }), 30);
  assert.equal(kept({ minFree: 120, maxUsed: 20 }), 20);
  assert.equal(kept({ minFree: 500, reserved: 10 }), 10);
});

test('cache mounts are shared, doubled or waited for, as they ask', async () => {
  using place = folder();
  const mounts = new CacheMounts(place.path, { store: memoryStore(), clock: systemClock() });
  await mounts.load();
  const wish = { id: 'npm', mode: 0o755, uid: 0, gid: 0 } as const;
  const signal = AbortSignal.timeout(5000);
  const one = await mounts.acquire({ ...wish, sharing: 'shared' }, signal);
  const two = await mounts.acquire({ ...wish, sharing: 'shared' }, signal);
  const own = await mounts.acquire({ ...wish, sharing: 'private' }, signal);
  assert.equal(one.path, two.path);
  assert.notEqual(own.path, one.path);
  writeFileSync(join(one.path, 'kept'), 'yes');

  const waiting = mounts.acquire({ ...wish, sharing: 'locked' }, signal);
  const stop = new AbortController();
  const givenUp = mounts.acquire({ ...wish, sharing: 'locked' }, stop.signal);
  stop.abort(new Error('given up'));
  await assert.rejects(givenUp, /given up/);
  await Promise.all([one.release(), two.release(), own.release()]);
  const locked = await waiting;
  assert.equal(readFileSync(join(locked.path, 'kept'), 'utf8'), 'yes');
  await locked.release();
  assert.equal(mounts.list().length, 2);
});

test('a new cache mount begins with what its source has', async () => {
  using place = folder();
  const mounts = new CacheMounts(place.path, { store: memoryStore(), clock: systemClock() });
  await mounts.load();
  const source = join(place.path, 'source');
  mkdirSync(join(source, 'sub'), { recursive: true });
  writeFileSync(join(source, 'sub/file'), 'seed');
  const seed = { identity: 'x', root: source, path: '/sub' };
  const held = await mounts.acquire({ id: 'c', sharing: 'shared', mode: 0o700, uid: 0, gid: 0, seed }, AbortSignal.timeout(5000));
  assert.equal(readFileSync(join(held.path, 'file'), 'utf8'), 'seed');
  await held.release();
});
