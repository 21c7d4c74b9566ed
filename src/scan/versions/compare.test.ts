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
  apk: [
    [
      '1.2.3_alpha1-r0',
      '1.2.3_beta-r0',
      '1.2.3_pre2-r0',
      '1.2.3_rc1-r0',
      '1.2.3-r0',
      '1.2.3-r1',
      '1.2.3-r10',
      '1.2.3_git20240101-r0',
      '1.2.3_p1-r0',
      '1.2.10-r0',
    ],
    ['1.1.1-r0', '1.1.1g-r0', '1.1.1k-r0', '1.1.1t-r2', '3.0.8-r0'],
    ['1.0b-r0', '1.0.1-r0', '1.1-r0'],
    ['2.01-r0', '2.1-r0', '2.10-r0'],
    ['not a version', '0.1-r0'],
  ],
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
    ['0.0.0-0', '0.0.1', '0.1.0', '99999999999999999999.0.0'],
  ],
  golang: [
    ['v0.0.0-20190308221718-c2843e01d9a2', 'v0.1.0', 'v1.2.3', 'v1.21.0'],
    ['v0.0.0-20210220033124-5f55cee0dc0d', 'v0.0.0-20220314234659-1baeb1ce4c0b'],
    ['v1.2.4-0.20191109021931-daa7c04131f5', 'v1.2.4'],
    ['1.20', '1.21beta1', '1.21rc2', '1.21.0', '1.21.1rc1', '1.21.1', '1.22'],
    ['v2.0.0+incompatible', 'v2.0.1+incompatible'],
  ],
  pypi: [
    [
      ...[
        '1.0.dev456',
        '1.0a1',
        '1.0a2.dev456',
        '1.0a12.dev456',
        '1.0a12',
        '1.0b1.dev456',
        '1.0b2',
        '1.0b2.post345.dev456',
        '1.0b2.post345',
      ],
      ...[
        '1.0rc1.dev456',
        '1.0rc1',
        '1.0',
        '1.0+abc.5',
        '1.0+abc.7',
        '1.0+5',
        '1.0.post456.dev34',
        '1.0.post456',
        '1.1.dev1',
        '1.1',
        '1.10',
        '1!0.5',
      ],
    ],
    ['2004d', '2.0'],
  ],
  maven: [
    ['1-alpha-1', '1-beta', '1-milestone', '1-rc', '1-snapshot', '1', '1-sp', '1-foo2', '1-foo10', '1-1', '1.1'],
    ['1.0-alpha-1', '1.0-beta', '1.0-rc1', '1.0-SNAPSHOT', '1.0', '1.0-sp1', '1.0.1', '1.2', '1.10', '2.14.1', '2.15.0'],
    ['9.0.0.M1', '9.0.0.M20', '9.0.0', '9.0.1', '10.1.0-M1', '10.1.0'],
    ['5.3.0.RELEASE', '5.3.18', '5.3.20'],
    ['4.1.94.Final', '4.1.100.Final'],
    ['31.1-jre', '32.0.0-android', '32.0.0-jre'],
    ['2.9.10.8', '2.10.0.pr1', '2.12.7'],
  ],
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
    for (const [a, b] of [
      ['1.0.0', '1'],
      ['1.ga', '1-final'],
      ['1.RELEASE', '1'],
      ['1-a1', '1-alpha-1'],
      ['1-cr2', '1-rc2'],
      ['1.0.0-0.0.0', '1'],
      ['1.0.0-foo.0.0', '1-foo'],
      ['1.', '1-'],
    ] as const)
      assert.equal(COMPARE.maven(a, b), 0, `${a} = ${b}`);
    for (const [a, b] of [
      ['1.0-alpha1', '1.0a1'],
      ['1.0-c1', '1.0rc1'],
      ['1.0-1', '1.0.post1'],
      ['v1.0.RC1', '1.0rc1'],
      ['1.0.0.0', '1'],
    ] as const)
      assert.equal(COMPARE.pypi(a, b), 0, `${a} = ${b}`);
    assert.equal(COMPARE.deb('0:1.0-1', '1.0-1'), 0);
  });
});
