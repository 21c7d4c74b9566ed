import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diskWarnings } from './system.ts';

test('diskWarnings() speaks when a disk is about to be full, not of the last percents of a large one', () => {
  const GIBIBYTE = 2 ** 30;
  assert.deepEqual(diskWarnings({ total: 100 * GIBIBYTE, available: 6 * GIBIBYTE }), []);
  assert.deepEqual(diskWarnings({ total: 1000 * GIBIBYTE, available: 20 * GIBIBYTE }), []);
  assert.match(diskWarnings({ total: 100 * GIBIBYTE, available: 2 * GIBIBYTE })[0] ?? '', /almost full: 2\.0 % \(2048 MiB\) are free/);
});
