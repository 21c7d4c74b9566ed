import { pipeline, Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { errnoOf, invalid, unsupported } from '../../base/index.ts';
import { gunzipped, which } from '../../host/index.ts';

const CHUNK = 256 * 1024;
// Zeros pack 230 to 1 with gzip's fastest level, 1,000 to 1 with its best; nothing of use packs so well for long.
const BOMB = { bytes: 1024 * 1024 * 1024, ratio: 200 };

/** Bytes that tell a format. */
const HEAD = 6;

const MAGIC: readonly { bytes: readonly number[]; name: string }[] = [
  { bytes: [0x1f, 0x8b], name: 'gzip' },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], name: 'zstd' },
  { bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a], name: 'xz' },
  { bytes: [0x42, 0x5a, 0x68], name: 'bzip2' },
];

export interface DecompressOptions {
  /** Hears how many bytes were taken from the source. */
  consumed?: ((bytes: number) => void) | undefined;
  /** What is too much: more than so many bytes, and so many times what was taken. */
  bomb?: { bytes: number; ratio: number };
  /** A piece is good until the next one is asked for, and one of the source's as well: faster, and without garbage. */
  reuse?: boolean;
}

/** The plain bytes of a stream that is plain, gzip or zstd, told apart by how it begins. Damaged data and bombs are `invalid`. */
export async function* decompressed(source: AsyncIterable<Uint8Array>, options: DecompressOptions = {}): AsyncGenerator<Uint8Array> {
  const { consumed, bomb = BOMB, reuse = false } = options;
  let taken = 0;
  const counted = async function* (input: AsyncIterable<Uint8Array>) {
    for await (const chunk of input) {
      taken += chunk.length;
      consumed?.(taken);
      yield chunk;
    }
  };
  const { head, all } = await peek(counted(source));
  const format = MAGIC.find(({ bytes }) => bytes.every((byte, i) => head[i] === byte))?.name;
  if (format === undefined) return yield* all;
  if (format !== 'gzip' && format !== 'zstd') throw unsupported(`${format} compression is not supported: use gzip or zstd`);
  const program = reuse && format === 'gzip' ? which('igzip') : undefined;
  let given = 0;
  for await (const chunk of program === undefined ? byEngine(reuse ? copied(all) : all, format) : gunzipped(all, program)) {
    given += chunk.length;
    if (given > bomb.bytes && given > taken * bomb.ratio)
      throw invalid(`the ${format} data expands more than ${bomb.ratio} times: refused as a decompression bomb`);
    yield chunk;
  }
}

async function* byEngine(source: AsyncGenerator<Uint8Array>, format: 'gzip' | 'zstd'): AsyncGenerator<Uint8Array> {
  const engine = format === 'gzip' ? createGunzip({ chunkSize: CHUNK }) : createZstdDecompress({ chunkSize: CHUNK });
  let failure: unknown;
  pipeline(Readable.from(source, { objectMode: false }), engine, (error) => {
    failure = error;
  });
  try {
    yield* engine as AsyncIterable<Buffer>;
  } catch (error) {
    throw /^(Z_|ZSTD_)/.test(errnoOf(error) ?? '')
      ? invalid(`the ${format} data is damaged: ${(error as Error).message}`)
      : (failure ?? error);
  } finally {
    engine.destroy();
  }
}

/** For those who hold several pieces at a time. */
async function* copied(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of source) yield Uint8Array.from(piece);
}

/** The first bytes, and a stream that has all of them. */
export async function peek(source: AsyncGenerator<Uint8Array>): Promise<{ head: Uint8Array; all: AsyncGenerator<Uint8Array> }> {
  const first: Uint8Array[] = [];
  let length = 0;
  while (length < HEAD) {
    const next = await source.next();
    if (next.done) break;
    // The last one may be gone when the next one comes.
    first.push(length + next.value.length < HEAD ? Uint8Array.from(next.value) : next.value);
    length += next.value.length;
  }
  async function* all() {
    yield* first;
    yield* source;
  }
  return { head: Buffer.concat(first), all: all() };
}
