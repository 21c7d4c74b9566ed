import { createHash } from 'node:crypto';
import { type Clock, GantryError } from '../../base/index.ts';
import type { GrowingFile } from './growing-file.ts';
import type { Descriptor } from './manifest.ts';
import type { Repository } from './repository.ts';
import { backOff, isPassing } from './retry.ts';

/** Connections that fail one after the other before a download is given up; each good stretch starts the count anew. */
const ATTEMPTS = 6;
const GOOD_STRETCH = 256 * 1024;

/** The bytes that arrived are not those of the digest. */
export class WrongBytes extends GantryError {
  /** Some of them were left by an earlier try, so a new one from the start may do better. */
  readonly resumed: boolean;

  constructor(resumed: boolean, message: string) {
    super('unavailable', message);
    this.resumed = resumed;
  }
}

/**
 * Fetches a blob into `file` and verifies size and SHA-256. Broken connections are taken up where they broke, and so is what
 * an earlier try left in the file. When it fails or is cancelled the file stays for the next try, except when its bytes are wrong.
 */
export async function downloadBlob(
  repository: Repository,
  blob: Descriptor,
  file: GrowingFile,
  onProgress: (bytes: number) => void,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const hash = createHash('sha256');
  if (file.size > blob.size) await file.clear();
  const earlier = file.size;
  if (earlier > 0) {
    let done = 0;
    for await (const chunk of file.read()) {
      hash.update(chunk);
      done += chunk.length;
      if (done >= earlier) break;
    }
  }
  const add = async (chunk: Buffer) => {
    if (file.size + chunk.length > blob.size) {
      await file.clear();
      throw new GantryError(
        'unavailable',
        `${repository.name} sent more bytes for ${blob.digest} than the ${blob.size} that its manifest says`,
      );
    }
    hash.update(chunk);
    await file.write(chunk);
    onProgress(file.size);
  };
  await fetchRest(repository, blob, file, add, clock, signal);
  const digest = `sha256:${hash.digest('hex')}`;
  if (digest === blob.digest) return;
  await file.clear();
  throw new WrongBytes(
    earlier > 0,
    `filesystem layer verification failed for digest ${blob.digest}: ${repository.name} sent bytes with the digest ${digest}`,
  );
}

async function fetchRest(
  repository: Repository,
  blob: Descriptor,
  file: GrowingFile,
  add: (chunk: Buffer) => Promise<void>,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  let attempt = 0;
  while (file.size < blob.size) {
    const before = file.size;
    try {
      await fetchOnce(repository, blob, file, add, signal);
    } catch (error) {
      signal.throwIfAborted();
      attempt = file.size - before >= GOOD_STRETCH ? 1 : attempt + 1;
      if (!isPassing(error) || attempt >= ATTEMPTS) throw error;
      await backOff(clock, attempt - 1, error, signal);
    }
  }
}

async function fetchOnce(
  repository: Repository,
  blob: Descriptor,
  file: GrowingFile,
  add: (chunk: Buffer) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const offset = file.size;
  const response = await repository.openBlob(blob.digest, offset, signal);
  try {
    if (response.status === 206 && !String(response.headers['content-range']).startsWith(`bytes ${offset}-`)) {
      throw new GantryError(
        'unavailable',
        `${repository.name} sent another part of ${blob.digest} than was asked for: ${response.headers['content-range']}`,
      );
    }
    // A registry that cannot resume sends everything again.
    let skip = response.status === 206 ? 0 : offset;
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      const rest = chunk.subarray(Math.min(skip, chunk.length));
      skip -= chunk.length - rest.length;
      if (rest.length > 0) await add(rest);
    }
  } finally {
    response.body.destroy();
  }
  if (file.size < blob.size) {
    throw Object.assign(
      new GantryError('unavailable', `${repository.name} ended ${blob.digest} after ${file.size} of ${blob.size} bytes`),
      {
        code: 'ABORTED_BODY',
      },
    );
  }
}
