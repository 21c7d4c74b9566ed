import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Ecosystem } from '../scan.ts';
import { COMPARE } from './compare.ts';

/** Each list goes from old to new. */
const ORDERED: Record<Ecosystem, string[][]> = {
  deb: [
    ['1.0~rc1-1', '1.0-1', '1.0-1+deb12u1', '1.0-2', '1.0a-1', '1.0.1-1', '1.2-1', '1.10-1', '1:0.9-1'],
    ['252.30-1~deb12u2', '252.30-1', '252.31-1~deb12u1'],
    ['1.1.1n-0+deb11u4', '3.0.9-1', '3.0.15-1~deb12u1'],
  ],
  apk: [['1.2.3_rc1-r0', '1.2.3-r0', '1.2.3-r1', '1.2.3-r10', '1.2.3_p1-r0', '1.2.10-r0']],
  npm: [
    [
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-alpha.beta',
      '1.0.0-beta.2',
      '1.0.0-beta.11',
      '1.0.0-rc.1',
      '1.0.0',
      '1.2.0',
      '1.10.0',
      '2.0.0',
    ],
  ],
  golang: [['v0.0.0-20190308221718-c2843e01d9a2', 'v0.1.0', 'v1.2.3', 'v1.21.0']],
  pypi: [['1.0.dev1', '1.0a1', '1.0b2', '1.0rc1', '1.0', '1.0.post1', '1.1', '1.10', '1!0.5']],
  maven: [['1.0-alpha-1', '1.0-beta', '1.0-rc1', '1.0-SNAPSHOT', '1.0', '1.0-sp1', '1.0.1', '1.2', '1.10', '2.14.1', '2.15.0']],
};

suite('versions', () => {
  for (const [ecosystem, lists] of Object.entries(ORDERED) as [Ecosystem, string[][]][])
    for (const list of lists)
      test(`${ecosystem}: ${list.join(' < ')}`, () => {
        for (let i = 0; i < list.length; i += 1)
          for (let j = 0; j < list.length; j += 1) {
            const [a, b] = [list[i] as string, list[j] as string];
            assert.equal(Math.sign(COMPARE[ecosystem](a, b)), Math.sign(i - j), `${a} against ${b}`);
          }
      });

  test('the same release in other spellings is the same', () => {
    assert.equal(COMPARE.npm('v1.0.0+build', '1.0.0'), 0);
    assert.equal(COMPARE.pypi('1.0', '1.0.0'), 0);
    assert.equal(COMPARE.maven('1.0.0', '1'), 0);
    assert.equal(COMPARE.deb('0:1.0-1', '1.0-1'), 0);
  });
});
