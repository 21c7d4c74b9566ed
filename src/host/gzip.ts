import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { addAbortSignal, pipeline, type Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { errnoOf, GantryError } from '../base/index.ts';
import { createPipe } from './kernel/index.ts';
import { spawn, which } from './processes.ts';

/** The fast level: Debian trees get 8 % larger than at the default one, in half of the time. */
const ZLIB_LEVEL = 1;
/** Of ISA-L: what comes out is 1 % larger than at zlib's level 1, in a sixth of the time. Neither name nor time, so it is the same each time. */
const IGZIP = ['-2', '--no-name', '--quiet', '--stdout', '-'];
const PIPE = 1024 * 1024;
const PIECE = 512 * 1024;
const MOST_SAID = 2000;

/** What is to be compressed. Both ways fail when it is not what it should be, after its last byte. */
export interface GzipSource {
  open(): Readable;
  /** Writes all of it to a pipe that blocks its writer, on another thread than this one. */
  write(descriptor: number): Promise<void>;
}

/**
 * `source` as gzip, by ISA-L's `igzip` where it is installed, else by zlib. A piece is good until the next one is asked for. Fails with what the source fails with, with the signal's reason, or with `internal` when the program fails.
 */
export async function* gzipped(source: GzipSource, signal: AbortSignal, program = which('igzip')): AsyncGenerator<Buffer> {
  signal.throwIfAborted();
  try {
    yield* program === undefined ? byZlib(source, signal) : byProgram(program, source, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

async function* byZlib(source: GzipSource, signal: AbortSignal): AsyncGenerator<Buffer> {
  const gzip = createGzip({ level: ZLIB_LEVEL, chunkSize: PIECE });
  // A failure of the source arrives at the reader of the other end.
  pipeline(addAbortSignal(signal, source.open()), gzip, () => undefined);
  yield* gzip as AsyncIterable<Buffer>;
}

/** The bytes go from the writing thread to the program; the event loop sees only what comes out. */
async function* byProgram(program: string, source: GzipSource, signal: AbortSignal): AsyncGenerator<Buffer> {
  const { child, input, output } = await start(program);
  const stop = () => void child.kill('SIGKILL');
  signal.addEventListener('abort', stop, { once: true });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-MOST_SAID);
  });
  let failure: unknown;
  const written = source
    .write(input)
    .catch((error: unknown) => {
      failure = error;
      // What came out so far must not look whole.
      stop();
    })
    .finally(() => closeSync(input));
  try {
    yield* readPipe(output);
    await written;
    const { code, signal: by } = await child.exit;
    // A program that ends before its input does is judged by its exit code.
    if (failure !== undefined && errnoOf(failure) !== 'EPIPE') throw failure;
    if (code !== 0) throw new GantryError('internal', `igzip ended with ${by ?? `exit code ${code}`}${said && `: ${said.trim()}`}`);
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
    await written;
  }
}

/** The program between two pipes, with our ends of them. */
async function start(program: string) {
  const before = createPipe(PIPE);
  const after = createPipe(PIPE);
  try {
    const child = await spawn(program, IGZIP, { stdio: [before.readEnd, after.writeEnd, 'pipe'], nobody: true });
    return { child, input: before.writeEnd, output: after.readEnd };
  } catch (error) {
    closeSync(before.writeEnd);
    closeSync(after.readEnd);
    throw error;
  } finally {
    closeSync(before.readEnd);
    closeSync(after.writeEnd);
  }
}

/** Reads into one buffer over and over: with one for each piece, collecting garbage would take longer than all else here. */
async function* readPipe(fd: number): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(PIECE);
  let piece = Promise.withResolvers<number>();
  const onread = {
    buffer,
    callback(bytes: number) {
      piece.resolve(bytes);
      // Nothing more before this was used.
      return false;
    },
  };
  const socket = new Socket({ fd, readable: true, writable: false, onread });
  socket.on('end', () => piece.resolve(0)).on('error', (error) => piece.reject(error));
  try {
    for (;;) {
      socket.resume();
      const bytes = await piece.promise;
      if (bytes === 0) return;
      yield buffer.subarray(0, bytes);
      piece = Promise.withResolvers<number>();
    }
  } finally {
    socket.destroy();
  }
}
