import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { hasEmulator, isUsableEmulator } from './emulators.ts';

const entry = (first: string, flags: string) => `${first}\ninterpreter /usr/bin/qemu\nflags: ${flags}\noffset 0\nmagic 7f\n`;

suite('emulators', () => {
  for (const [first, flags, expected] of [
    ['enabled', 'POF', true],
    ['enabled', 'OCF', true],
    ['enabled', 'OC', false],
    ['disabled', 'POF', false],
  ] as const) {
    test(`isUsableEmulator() says ${expected} of one that is ${first} with the flags ${flags}`, () => {
      assert.equal(isUsableEmulator(entry(first, flags)), expected);
    });
  }

  test('hasEmulator() says no of what nobody registered', () => assert.equal(hasEmulator('no-such-machine'), false));
});
