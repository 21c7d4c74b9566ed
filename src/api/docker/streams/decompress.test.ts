import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { plainTar } from './decompress.ts';

const tar = Buffer.alloc(100_000, 'tar ');

for (const [name, upload] of [
  ['plain', tar],
  ['gzip', gzipSync(tar)],
  ['zstd', zstdCompressSync(tar)],
] as const) {
  test(`plainTar() gives the bytes of a ${name} upload`, async () => {
    const chunks = [upload.subarray(0, 7), upload.subarray(7)];
    assert.ok((await buffer(await plainTar(Readable.from(chunks, { objectMode: false })))).equals(tar));
  });
}

test('plainTar() gives nothing for an empty upload', async () => {
  assert.equal((await buffer(await plainTar(Readable.from([], { objectMode: false })))).length, 0);
});

test('plainTar() refuses bzip2 by name', async () => {
  await assert.rejects(plainTar(Readable.from([Buffer.from('BZh91AY')], { objectMode: false })), /bzip2/);
});

test('plainTar() fails its reader when the upload is cut', async () => {
  const whole = gzipSync(Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * i) % 251)));
  await assert.rejects(
    buffer(await plainTar(Readable.from([whole.subarray(0, whole.length / 2)], { objectMode: false }))),
    /unexpected end of file/,
  );
});
