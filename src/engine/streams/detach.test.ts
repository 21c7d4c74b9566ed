import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { DetachFilter, parseDetachKeys } from './detach.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');

suite('detach keys', () => {
  test('parseDetachKeys() reads control keys, plain keys and the default', () => {
    assert.deepEqual(parseDetachKeys(''), [0x10, 0x11]);
    assert.deepEqual(parseDetachKeys('ctrl-a,ctrl-@,x'), [1, 0, 120]);
  });

  test('parseDetachKeys() refuses an unknown key by name', () => {
    assert.throws(() => parseDetachKeys('ctrl-1'), /unknown key "ctrl-1"/);
  });

  test('DetachFilter finds the sequence over packet borders', () => {
    const filter = new DetachFilter([0x10, 0x11]);
    assert.deepEqual(filter.push(bytes('ab\x10')), { pass: Uint8Array.from(bytes('ab')), detached: false });
    assert.equal(filter.push(bytes('\x11')).detached, true);
  });

  test('DetachFilter passes held-back keys on when the sequence breaks off', () => {
    const filter = new DetachFilter([0x10, 0x11]);
    filter.push(bytes('\x10'));
    assert.deepEqual(Buffer.from(filter.push(bytes('x')).pass), bytes('\x10x'));
    assert.deepEqual(Buffer.from(filter.push(bytes('\x10\x10')).pass), bytes('\x10'));
    assert.equal(filter.push(bytes('\x11')).detached, true);
  });
});
