import { once } from 'node:events';
import { pipeline, type Readable } from 'node:stream';
import { unsupported } from '../../../base/index.ts';

const BZIP2 = Buffer.from('BZh');
const XZ = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a]);
const GZIP = Buffer.from([0x1f, 0x8b]);
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/**
 * The plain tar inside an upload, which clients may send compressed (gzip, zstd). Fails with `unsupported` for bzip2
 * and xz. Errors of the upload and of the decompression are errors of the stream.
 */
export async function plainTar(upload: Readable): Promise<Readable> {
  const head = await firstBytes(upload);
  if (head === undefined) return upload;
  for (const [name, magic] of [
    ['bzip2', BZIP2],
    ['xz', XZ],
  ] as const) {
    if (head.subarray(0, magic.length).equals(magic))
      throw unsupported(`archives compressed with ${name} are not supported`, 'Send a plain tar, or one compressed with gzip or zstd.');
  }
  const gzip = head.subarray(0, GZIP.length).equals(GZIP);
  if (!gzip && !head.subarray(0, ZSTD.length).equals(ZSTD)) return upload;
  const zlib = await import('node:zlib');
  const plain = gzip ? zlib.createGunzip() : zlib.createZstdDecompress();
  // The callback keeps a failure from being thrown: `plain` is destroyed with it, and its reader sees it.
  return pipeline(upload, plain, () => {});
}

/** A look at the first chunk, which is put back. */
async function firstBytes(upload: Readable): Promise<Buffer | undefined> {
  while (!upload.readableEnded && !upload.destroyed) {
    const chunk = upload.read() as Buffer | null;
    if (chunk !== null) {
      upload.unshift(chunk);
      return chunk;
    }
    const ended = new AbortController();
    await Promise.race([once(upload, 'readable', { signal: ended.signal }), once(upload, 'end', { signal: ended.signal })]).finally(() =>
      ended.abort(),
    );
  }
  return undefined;
}
