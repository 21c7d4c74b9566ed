import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { invalid, unsupported } from '../../base/index.ts';
import { spawn, which } from '../../host/index.ts';
import { decompressed } from '../../images/index.ts';

const PROGRAMS = [
  { name: 'xz', magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a] },
  { name: 'bzip2', magic: [0x42, 0x5a, 0x68] },
] as const;
/** As for other kinds of compression: nothing of use packs so well for long. bzip2 packs zeros far better than anything real. */
const BOMB = { bytes: 1024 * 1024 * 1024, ratio: 200 };

/**
 * The plain bytes of what is plain, or compressed with gzip, zstd, xz or bzip2; told apart by how it begins. The last two are the business of the
 * programs of that name. Damaged data and bombs are `invalid`.
 */
export async function* plainBytes(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const input = source[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  let length = 0;
  try {
    while (length < 6) {
      const next = await input.next();
      if (next.done) break;
      first.push(next.value);
      length += next.value.length;
    }
    async function* all() {
      yield* first;
      for (let next = await input.next(); !next.done; next = await input.next()) yield next.value;
    }
    const head = Buffer.concat(first).subarray(0, 6);
    const program = PROGRAMS.find(({ magic }) => magic.every((byte, index) => head[index] === byte));
    yield* program ? throughProgram(program.name, all()) : decompressed(all());
  } finally {
    await input.return?.();
  }
}

async function* throughProgram(name: string, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const program = which(name);
  if (!program)
    throw unsupported(`data compressed with ${name} needs the program ${name}, which is not installed`, 'Or compress with gzip or zstd.');
  const child = await spawn(program, ['-dc'], { stdio: ['pipe', 'pipe', 'ignore'] });
  let taken = 0;
  let failure: { error: unknown } | undefined;
  const counted = async function* () {
    for await (const chunk of source) {
      taken += chunk.length;
      yield chunk;
    }
  };
  const stdin = child.stdin as NonNullable<typeof child.stdin>;
  const feeding = pipeline(Readable.from(counted(), { objectMode: false }), stdin).catch((error: unknown) => {
    // A program that finds its data damaged ends early: its exit code tells.
    if ((error as { code?: string }).code !== 'EPIPE') failure = { error };
  });
  let given = 0;
  try {
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      given += chunk.length;
      if (given > BOMB.bytes && given > taken * BOMB.ratio)
        throw invalid(`the ${name} data expands more than ${BOMB.ratio} times: refused as a decompression bomb`);
      yield chunk;
    }
    await feeding;
    if (failure) throw failure.error;
    const { code } = await child.exit;
    if (code !== 0) throw invalid(`the ${name} data is damaged`);
  } finally {
    child.kill('SIGKILL');
    stdin.destroy();
    await feeding;
  }
}
