import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { decompressed } from './decompress.ts';

/** Always in the same buffer: nobody may hold a piece longer than until the next one. */
async function* reused(data: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(size);
  for (let at = 0; at < data.length; at += size) {
    const piece = buffer.subarray(0, Math.min(size, data.length - at));
    piece.set(data.subarray(at, at + size));
    yield piece;
  }
}

async function* fresh(data: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

const data = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * i) % 251));

for (const reuse of [false, true]) {
  const pieces = reuse ? reused : fresh;
  const how = reuse ? ', pieces being used again' : '';

  test(`decompressed() tells plain, gzip and zstd apart, in pieces of any size${how}`, async () => {
    for (const packed of [
      data,
      gzipSync(data),
      zstdCompressSync(data),
      Buffer.concat([gzipSync(data.subarray(0, 5000)), gzipSync(data.subarray(5000))]),
    ]) {
      for (const size of [1, 1000, 1_000_000]) {
        let consumed = 0;
        assert.ok((await collect(decompressed(pieces(packed, size), { reuse, consumed: (bytes) => (consumed = bytes) }))).equals(data));
        assert.equal(consumed, packed.length);
      }
    }
    assert.equal((await collect(decompressed(pieces(Buffer.from('ab'), 1), { reuse }))).toString(), 'ab');
  });

  test(`decompressed() refuses damaged and short data, other formats and bombs${how}`, async () => {
    const packed = gzipSync(data);
    await assert.rejects(
      collect(decompressed(pieces(packed.subarray(0, packed.length / 2), 1000), { reuse })),
      /gzip data is damaged(: unexpected end of file| or ends too early)/,
    );
    const damaged = Buffer.from(packed).fill(0xff, 100, 200);
    await assert.rejects(collect(decompressed(pieces(damaged, 1000), { reuse })), /gzip data is damaged/);
    await assert.rejects(collect(decompressed(pieces(zstdCompressSync(data).subarray(0, 100), 1000), { reuse })), /zstd data/);
    await assert.rejects(
      collect(decompressed(pieces(Buffer.from('fd377a585a0000', 'hex'), 7), { reuse })),
      /xz compression is not supported/,
    );
    const bomb = { bytes: 1_000_000, ratio: 100 };
    for (const pack of [gzipSync, zstdCompressSync])
      await assert.rejects(
        collect(decompressed(pieces(pack(Buffer.alloc(50_000_000)), 4096), { bomb, reuse })),
        /refused as a decompression bomb/,
      );
  });

  test(`decompressed() leaves out what stands behind the end of the data${how}`, async () => {
    const packed = Buffer.concat([gzipSync(data), Buffer.alloc(3_000_000)]);
    assert.ok((await collect(decompressed(pieces(packed, 10_000), { reuse }))).equals(data));
  });

  test(`decompressed() passes the error of its source on${how}`, async () => {
    async function* broken() {
      yield gzipSync(data).subarray(0, 100);
      throw new Error('the connection broke');
    }
    await assert.rejects(collect(decompressed(broken(), { reuse })), /the connection broke/);
  });
}
