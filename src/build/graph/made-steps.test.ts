import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MadeSteps } from './made-steps.ts';

const never = new AbortController().signal;

test('two who want the same step make it once', async () => {
  const steps = new MadeSteps();
  let made = 0;
  const make = async () => {
    made += 1;
    await new Promise((resolve) => setTimeout(resolve, 5));
    return made;
  };
  const results = await Promise.all([1, 2].map(() => steps.join('key', never, make, (value) => value)));
  assert.deepEqual(results, [1, 1]);
});

test('when the first gives up, the second makes it', async () => {
  const steps = new MadeSteps();
  let fail: (error: Error) => void = () => undefined;
  const first = steps.join(
    'key',
    never,
    () => new Promise<string>((_, reject) => (fail = reject)),
    (value) => value,
  );
  const second = steps.join(
    'key',
    never,
    async () => 'made by the second',
    (value) => value,
  );
  fail(new Error('cancelled'));
  await assert.rejects(first, /cancelled/);
  assert.equal(await second, 'made by the second');
});

test('who waits for another may give up', async () => {
  const steps = new MadeSteps();
  const stop = new AbortController();
  const first = steps.join(
    'key',
    never,
    () => new Promise<string>((resolve) => setTimeout(resolve, 20, 'done')),
    (value) => value,
  );
  const second = steps.join(
    'key',
    stop.signal,
    async () => 'unused',
    (value) => value,
  );
  stop.abort(new Error('enough'));
  await assert.rejects(second, /enough/);
  assert.equal(await first, 'done');
});
