import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { MountSpec } from '../../model/index.ts';
import { mergeEnvironment, mergeHealth, mergeMounts } from './merge.ts';

const volume = (source: string, target: string): MountSpec => ({
  type: 'volume',
  source,
  target,
  readOnly: false,
  anonymous: false,
  noCopy: false,
});

suite('image defaults', () => {
  test('mergeEnvironment() lets the request win by name and a bare name take a variable away', () => {
    assert.deepEqual(mergeEnvironment(['PATH=/bin', 'A=1', 'B=2'], ['A=3', 'B', 'C=']), ['A=3', 'C=', 'PATH=/bin']);
  });

  test('mergeHealth() fills zero fields from the image and keeps NONE as off', () => {
    const image = { test: ['CMD', 'x'], interval: 5, timeout: 6, startPeriod: 7, startInterval: 8, retries: 9 };
    const zero = { interval: 0, timeout: 0, startPeriod: 0, startInterval: 0, retries: 0 };
    assert.deepEqual(mergeHealth({ ...zero, test: [], retries: 2 }, image), { ...image, retries: 2 });
    assert.deepEqual(mergeHealth({ ...zero, test: ['NONE'] }, image)?.test, ['NONE']);
    assert.equal(mergeHealth(undefined, undefined), undefined);
  });

  test('mergeMounts() gives a target to the first who claims it, own, volumes-from, image, and among volumes-from to the last', () => {
    const mounts = mergeMounts(
      [volume('own', '/a')],
      [volume('from', '/a'), volume('earlier', '/b'), volume('from', '/b')],
      ['/b/', '/c'],
      () => 'generated',
    );
    assert.deepEqual(
      mounts.map((m) => [m.target, m.type === 'volume' && m.source]),
      [
        ['/a', 'own'],
        ['/b', 'from'],
        ['/c', 'generated'],
      ],
    );
  });

  test('mergeMounts() refuses two mounts on one target and an image volume that leaves the root', () => {
    assert.throws(() => mergeMounts([volume('a', '/x'), volume('b', '/x')], [], [], () => ''), /Duplicate mount point: \/x/);
    assert.throws(() => mergeMounts([], [], ['/a/../../etc'], () => ''), /invalid volume path: \/a\/\.\.\/\.\.\/etc/);
  });
});
