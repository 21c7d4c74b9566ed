import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { frame } from '../testing/session.ts';
import { connectionOptions, normalizeAddress } from './endpoint.ts';
import { refusalText } from './errors.ts';
import { copyOutput, indentJson, jsonStream, parseJson } from './index.ts';

async function split(chunks: Buffer[], multiplexed = true): Promise<{ out: string; err: string }> {
  const source = new PassThrough();
  const got = { out: '', err: '' };
  const done = copyOutput(source, multiplexed, { stdout: (data) => (got.out += data), stderr: (data) => (got.err += data) });
  for (const chunk of chunks) source.write(chunk);
  source.end();
  await done;
  return got;
}

test('copyOutput() takes frames apart however the chunks are cut', async () => {
  const whole = Buffer.concat([frame(1, 'one '), frame(2, 'error'), frame(1, ''), frame(1, 'two')]);
  for (const size of [1, 3, 8, 11, 1000]) {
    const chunks = Array.from({ length: Math.ceil(whole.length / size) }, (_, i) => whole.subarray(i * size, (i + 1) * size));
    assert.deepEqual(await split(chunks), { out: 'one two', err: 'error' });
  }
});

test("copyOutput() throws the engine's own error, and what is no frame", async () => {
  await assert.rejects(split([frame(3, 'disk gone')]), /error from daemon in stream: disk gone/);
  await assert.rejects(split([Buffer.from('hello world')]), /Unrecognized input header/);
  assert.deepEqual(await split([Buffer.from('raw')], false), { out: 'raw', err: '' });
});

test('indentJson() keeps the order of keys, big numbers and empty containers', () => {
  assert.equal(
    indentJson('[{"b":1,"a":12345678901234567890,"c":{},"d":[],"e":"x\\" {,"}]', '    '),
    '[\n    {\n        "b": 1,\n        "a": 12345678901234567890,\n        "c": {},\n        "d": [],\n        "e": "x\\" {,"\n    }\n]',
  );
});

test('parseJson() keeps integers exact that a number would round', () => {
  assert.deepEqual(parseJson('{"n":1795383946278048699,"m":5}'), { n: 1795383946278048699n, m: 5 });
});

test('jsonStream() yields values whether or not newlines part them', async () => {
  const values: unknown[] = [];
  for await (const value of jsonStream(
    (async function* () {
      yield* ['{"a":1}\n{"b"', ':2}\r\n', '{"c":"é', '"}'];
    })(),
  ))
    values.push(value);
  assert.deepEqual(values, [{ a: 1 }, { b: 2 }, { c: 'é' }]);
});

test('normalizeAddress() completes bare paths and hosts, and refuses what it cannot speak', () => {
  assert.deepEqual(
    [normalizeAddress(''), normalizeAddress('/x.sock'), normalizeAddress('host:2375')],
    ['unix:///run/gantry/gantry.sock', 'unix:///x.sock', 'tcp://host:2375'],
  );
  assert.throws(() => normalizeAddress('ssh://host'), /speaks unix:\/\/ and tcp:\/\/, not ssh/);
  assert.deepEqual(connectionOptions({ address: 'tcp://[::1]' }), { secure: false, options: { host: '::1', port: 2375 } });
});

test("refusalText() finds the engine's sentence in JSON and in plain text", () => {
  assert.deepEqual(
    [refusalText('{"message":"no"}', 404), refusalText('plain\n', 500), refusalText('', 502)],
    ['no', 'plain', 'the server answered with status 502 and no explanation'],
  );
});
