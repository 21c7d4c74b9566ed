import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { refusedPropagation } from './propagation.ts';

const on = (shared: boolean, slave: boolean) => ({ target: '/mnt', shared, slave });

suite('propagation', () => {
  for (const [propagation, mount, refusal] of [
    ['rprivate', on(false, false), undefined],
    ['rshared', on(true, false), undefined],
    ['shared', on(false, true), 'path /mnt/x is mounted on /mnt but it is not a shared mount'],
    ['rslave', on(false, true), undefined],
    ['slave', on(true, false), undefined],
    ['rslave', on(false, false), 'path /mnt/x is mounted on /mnt but it is not a shared or slave mount'],
  ] as const) {
    test(`refusedPropagation() says ${refusal} of ${propagation} on ${JSON.stringify(mount)}`, () => {
      assert.equal(refusedPropagation('/mnt/x', propagation, mount), refusal);
    });
  }
});
