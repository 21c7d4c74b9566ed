import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { addAbortSignal, pipeline, type Readable, type Writable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { errnoOf, GantryError, invalid } from '../base/index.ts';
import { createPipe } from './kernel/index.ts';
import { spawn, which } from './processes.ts';

/** The fast level: Debian trees get 8 % larger than at the default one, in half of the time. */
const ZLIB_LEVEL = 1;
/** Of ISA-L: what comes out is 1 % larger than at zlib's level 1, in a sixth of the time. Neither name nor time, so it is the same each time. */
const PACK = ['-2', '--no-name', '--quiet', '--stdout', '-'];
const UNPACK = ['--decompress', '--quiet', '--stdout', '-'];
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
    for await (const piece of program === undefined ? byZlib(source, signal) : byProgram(program, source, signal)) {
      yield piece;
      // What is ready already is not wanted either.
      signal.throwIfAborted();
    }
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
  const { readEnd, writeEnd } = createPipe(PIPE);
  const running = await start(program, PACK, readEnd)
    .finally(() => closeSync(readEnd))
    .catch((error: unknown) => {
      closeSync(writeEnd);
      throw error;
    });
  signal.addEventListener('abort', running.stop, { once: true });
  const write = () => source.write(writeEnd).finally(() => closeSync(writeEnd));
  try {
    yield* running.through(write);
  } finally {
    signal.removeEventListener('abort', running.stop);
  }
}

/**
 * What gzip data holds, by ISA-L's `igzip`. A piece is good until the next one is asked for, and one of the source's as well. Fails with
 * what the source fails with, and with `invalid` for data that is damaged or too short.
 */
export async function* gunzipped(source: AsyncIterable<Uint8Array>, program: string): AsyncGenerator<Buffer> {
  const running = await start(program, UNPACK, 'pipe');
  try {
    yield* running.through(() => feed(source, running.input as Writable));
  } catch (error) {
    throw error instanceof ProgramFailure ? invalid('the gzip data is damaged or ends too early') : error;
  }
}

async function feed(source: AsyncIterable<Uint8Array>, input: Writable): Promise<void> {
  // A program that has ended, at the end of the data or because of them, tells so by its exit code.
  input.on('error', () => undefined);
  for await (const piece of source) {
    const error = await new Promise<unknown>((resolve) => void input.write(piece, resolve));
    if (error) return;
  }
  input.end();
}

/** The program did not like what it was given. */
class ProgramFailure extends GantryError {}

interface Running {
  input: Writable | null;
  stop(): void;
  /** What comes out while `write` puts in. Fails with what `write` fails with, or with `ProgramFailure`. */
  through(write: () => Promise<void>): AsyncGenerator<Buffer>;
}

async function start(program: string, args: readonly string[], input: number | 'pipe'): Promise<Running> {
  const { readEnd, writeEnd } = createPipe(PIPE);
  const child = await spawn(program, args, { stdio: [input, writeEnd, 'pipe'], nobody: true })
    .finally(() => closeSync(writeEnd))
    .catch((error: unknown) => {
      closeSync(readEnd);
      throw error;
    });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-MOST_SAID);
  });
  const stop = () => void child.kill('SIGKILL');
  async function* through(write: () => Promise<void>): AsyncGenerator<Buffer> {
    let failure: unknown;
    const written = write().catch((error: unknown) => {
      failure = error;
      // What came out so far must not look whole.
      stop();
    });
    try {
      yield* readPipe(readEnd);
      const { code, signal } = await child.exit;
      // A program that gave up is not fed to the end.
      if (code === 0) await written;
      if (failure !== undefined && errnoOf(failure) !== 'EPIPE') throw failure;
      if (code !== 0) throw new ProgramFailure('internal', said.trim() || `igzip ended with ${signal ?? `exit code ${code}`}`);
    } finally {
      stop();
    }
  }
  return { input: child.stdin, stop, through };
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
