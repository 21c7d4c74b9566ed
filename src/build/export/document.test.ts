import assert from 'node:assert/strict';
import { test } from 'node:test';
import { datedHistory, imageDocument } from './document.ts';

const layer = (created: string, text: string) => ({ created, created_by: text, comment: 'buildkit.dockerfile.v0' });
const empty = (text: string) => ({ created_by: text, comment: 'buildkit.dockerfile.v0', empty_layer: true });

test('an instruction without a layer has the time of the next layer when it is the first, and later that of the layer before it', () => {
  const dated = datedHistory([
    layer('1', 'base'),
    empty('ENV A'),
    layer('2', 'RUN x'),
    empty('CMD y'),
    layer('3', 'RUN z'),
    empty('USER u'),
  ]);
  assert.deepEqual(
    dated.map(({ created }) => created),
    ['1', '2', '2', '2', '3', '3'],
  );
});

test('the document has sorted keys, escapes as Go does, and the time of the last layer', () => {
  const text = imageDocument({
    platform: { architecture: 'amd64', os: 'linux' },
    author: undefined,
    config: { Env: ['A=<&>'] },
    history: [layer('2020-01-01T00:00:00Z', 'RUN a > b'), empty('ENV A')],
    diffIds: ['sha256:1'],
    sourceDateEpoch: undefined,
  }).toString();
  assert.equal(
    text,
    '{"architecture":"amd64","config":{"Env":["A=\\u003c\\u0026\\u003e"]},"created":"2020-01-01T00:00:00Z","history":[' +
      '{"created":"2020-01-01T00:00:00Z","created_by":"RUN a \\u003e b","comment":"buildkit.dockerfile.v0"},' +
      '{"created":"2020-01-01T00:00:00Z","created_by":"ENV A","comment":"buildkit.dockerfile.v0","empty_layer":true}],' +
      '"os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:1"]}}',
  );
});

test('with an epoch nothing in the history is later', () => {
  const [old, late, undated] = datedHistory(
    [layer('1969-12-31T23:00:00Z', 'base'), layer('2020-01-01T00:00:00Z', 'RUN x'), empty('CMD')],
    60,
  );
  assert.equal(old?.created, '1969-12-31T23:00:00Z');
  assert.equal(late?.created, '1970-01-01T00:01:00Z');
  assert.equal(undated?.created, '1970-01-01T00:01:00Z');
});
