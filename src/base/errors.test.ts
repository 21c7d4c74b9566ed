import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describe, firstFailure, invalid } from './errors.ts';

test('firstFailure() and describe() tell what failed before the tidying up failed too', async () => {
  const work = async () => {
    await using _undo = {
      [Symbol.asyncDispose]: async () => {
        throw new Error('the tidying failed');
      },
    };
    throw invalid("the name 'x' is too short");
  };
  const failure = await work().catch((error: unknown) => error);
  assert.equal((firstFailure(failure) as Error).message, "the name 'x' is too short");
  assert.equal(describe(failure), "the name 'x' is too short; and then: the tidying failed");
});

test('describe() joins the causes that add something', () => {
  assert.equal(describe(new Error('no start', { cause: new Error('no room') })), 'no start: no room');
  assert.equal(describe(new Error('no room for it', { cause: new Error('no room') })), 'no room for it');
});
