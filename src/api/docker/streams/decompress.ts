import { once } from 'node:events';
import { Readable } from 'node:stream';
import { unsupported } from '../../../base/index.ts';
import { decompressed } from '../../../images/index.ts';

const BZIP2 = Buffer.from('BZh');
const XZ = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a]);
const GZIP = Buffer.from([0x1f, 0x8b]);
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/**
 * The plain tar inside an upload, which clients may send compressed (gzip, zstd). Fails with `unsupported` for bzip2
 * and xz. Errors of the upload and of the decompression (damage and bombs are `invalid`) are errors of the stream.
 */
export async function plainTar(upload: Readable): Promise<Readable> {
  const head = await firstBytes(upload);
  if (head === undefined) return upload;
  const begins = (magic: Buffer) => head.subarray(0, magic.length).equals(magic);
  for (const [name, magic] of [
    ['bzip2', BZIP2],
    ['xz', XZ],
  ] as const) {
    if (begins(magic))
      throw unsupported(`archives compressed with ${name} are not supported`, 'Send a plain tar, or one compressed with gzip or zstd.');
  }
  return begins(GZIP) || begins(ZSTD) ? Readable.from(decompressed(upload), { objectMode: false }) : upload;
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
