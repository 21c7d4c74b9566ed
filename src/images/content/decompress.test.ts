import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { decompressed } from './decompress.ts';

async function* pieces(data: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts);
}

const data = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * i) % 251));

test('decompressed() tells plain, gzip and zstd apart, in pieces of any size', async () => {
  for (const packed of [
    data,
    gzipSync(data),
    zstdCompressSync(data),
    Buffer.concat([gzipSync(data.subarray(0, 5000)), gzipSync(data.subarray(5000))]),
  ]) {
    for (const size of [1, 1000, 1_000_000]) {
      let consumed = 0;
      assert.ok((await collect(decompressed(pieces(packed, size), (bytes) => (consumed = bytes)))).equals(data));
      assert.equal(consumed, packed.length);
    }
  }
  assert.equal((await collect(decompressed(pieces(Buffer.from('ab'), 1)))).toString(), 'ab');
});

test('decompressed() refuses damaged and short data, other formats and bombs', async () => {
  const packed = gzipSync(data);
  await assert.rejects(
    collect(decompressed(pieces(packed.subarray(0, packed.length / 2), 1000))),
    /gzip data is damaged: unexpected end of file/,
  );
  const damaged = Buffer.from(packed).fill(0xff, 100, 200);
  await assert.rejects(collect(decompressed(pieces(damaged, 1000))), /gzip data is damaged/);
  await assert.rejects(collect(decompressed(pieces(zstdCompressSync(data).subarray(0, 100), 1000))), /zstd data/);
  await assert.rejects(collect(decompressed(pieces(Buffer.from('fd377a585a0000', 'hex'), 7))), /xz compression is not supported/);
  const bomb = { bytes: 1_000_000, ratio: 100 };
  for (const pack of [gzipSync, zstdCompressSync])
    await assert.rejects(
      collect(decompressed(pieces(pack(Buffer.alloc(50_000_000)), 4096), undefined, bomb)),
      /refused as a decompression bomb/,
    );
});

test('decompressed() passes the error of its source on', async () => {
  async function* broken() {
    yield gzipSync(data).subarray(0, 100);
    throw new Error('the connection broke');
  }
  await assert.rejects(collect(decompressed(broken())), /the connection broke/);
});
