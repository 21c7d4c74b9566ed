import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Reserve } from './reserve.ts';

test('release() gives back a slice at a time until nothing is left, and refill() takes all again', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-reserve-'));
  try {
    const path = join(folder, 'reserve');
    const reserve = new Reserve(path);
    const whole = statSync(path).size;
    assert.ok(statSync(path).blocks * 512 >= whole, 'the file holds no real space');
    let slices = 0;
    while (reserve.release()) slices += 1;
    assert.equal(statSync(path).size, 0);
    assert.ok(slices >= 16, `${slices} slices`);
    reserve.refill();
    assert.equal(statSync(path).size, whole);
    // A later daemon takes over what is there.
    assert.equal(new Reserve(path).release(), true);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
