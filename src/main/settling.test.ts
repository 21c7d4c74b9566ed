import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rest } from './settling.ts';

test('rest is reached once after each time of work, and not while there is work', () => {
  const rest = new Rest(0);
  const looks: [used: number, reached: boolean][] = [
    [20_000, false],
    [40_000, false],
    [40_100, true],
    [40_200, false],
    [40_300, false],
    [45_000, false],
    [45_010, true],
    [45_020, false],
  ];
  for (const [used, reached] of looks) assert.equal(rest.reached(used, 30_000), reached, `${used}`);
});
