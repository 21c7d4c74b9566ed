import assert from 'node:assert/strict';
import { test } from 'node:test';
import { excerptOf } from './failure-details.ts';

test('of a long Dockerfile the lines around the fault go with the error, at their numbers', () => {
  const lines = Array.from({ length: 3_000 }, (_, index) => `RUN echo ${index + 1} ${'x'.repeat(40)}`);
  const text = Buffer.from(lines.join('\n'));
  const shown = excerptOf(text, [{ start: 1_500, end: 1_501 }]);
  assert.ok(shown && shown.length < 12 * 1024);
  const found = shown.toString().split('\n');
  assert.equal(found[1_499], lines[1_499]);
  assert.equal(found[1_503], lines[1_503]);
  assert.equal(found[0], '');
  assert.deepEqual(excerptOf(Buffer.from('FROM x\n'), [{ start: 1, end: 1 }]), Buffer.from('FROM x\n'));
  assert.equal(excerptOf(text, [{ start: 1, end: 2_000 }]), undefined);
  assert.equal(excerptOf(Buffer.from(`FROM x\nRUN ${'y'.repeat(70_000)}`), [{ start: 2, end: 2 }])?.length, 1_007);
});
