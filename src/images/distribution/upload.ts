import { type Clock, GantryError } from '../../base/index.ts';
import type { GrowingFile } from './growing-file.ts';
import { isDigest } from './manifest.ts';
import type { Repository } from './repository.ts';
import { backOff, isPassing } from './retry.ts';

// docker-registry 2.8 forgets an upload whose request broke off; others keep what they have.
const ATTEMPTS = 6;
const GOOD_STRETCH = 256 * 1024;

/**
 * Sends the bytes of `file` while they are made, then commits them under the digest that `digest` resolves to when all are there.
 * A broken connection is taken up at the byte that the registry has; an upload that the registry forgot begins anew.
 */
export async function uploadBlob(
  repository: Repository,
  file: GrowingFile,
  digest: Promise<string>,
  onProgress: (bytes: number) => void,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  let upload: { location: string; offset: number } | undefined;
  let best = 0;
  for (let attempt = 0; ; ) {
    try {
      upload = upload ? await resume(repository, upload.location, signal) : { location: await begin(repository, signal), offset: 0 };
      const location: string = await send(repository, upload, file, onProgress, signal);
      upload = { location, offset: file.size };
      return await commit(repository, location, await digest, signal);
    } catch (error) {
      signal.throwIfAborted();
      const reached: number = upload?.offset ?? 0;
      attempt = reached - best >= GOOD_STRETCH ? 1 : attempt + 1;
      best = Math.max(best, reached);
      if (!isPassing(error) || attempt >= ATTEMPTS) throw error;
      await backOff(clock, attempt - 1, error, signal);
    }
  }
}

/** Asks for the blob to be taken over from another repository of the same registry; true when that is done. */
export async function mountBlob(repository: Repository, digest: string, from: string, signal: AbortSignal): Promise<boolean> {
  const query = new URLSearchParams({ mount: digest, from });
  const response = await repository.call(`blobs/uploads/?${query}`, {
    method: 'POST',
    headers: { 'content-length': '0' },
    expect: [201, 202],
    signal,
  });
  response.body.resume();
  if (response.status === 201) return true;
  // The registry opened an upload instead, which is of no use here.
  const location = response.headers.location;
  if (location)
    await repository.call(location, { method: 'DELETE', expect: [204, 200, 202, 404, 405], signal }).then(
      (gone) => gone.body.resume(),
      () => undefined,
    );
  return false;
}

/** Whether the registry has the blob in this repository. */
export async function hasBlob(repository: Repository, digest: string, signal: AbortSignal): Promise<boolean> {
  const response = await repository.call(`blobs/${digest}`, { method: 'HEAD', expect: [200, 404], signal });
  response.body.resume();
  return response.status === 200;
}

async function begin(repository: Repository, signal: AbortSignal): Promise<string> {
  const response = await repository.call('blobs/uploads/', { method: 'POST', headers: { 'content-length': '0' }, expect: [202], signal });
  response.body.resume();
  return locationOf(response.headers.location, response.url);
}

async function resume(repository: Repository, location: string, signal: AbortSignal): Promise<{ location: string; offset: number }> {
  const response = await repository.call(location, { method: 'GET', expect: [204, 202, 404], signal });
  response.body.resume();
  if (response.status === 404) return { location: await begin(repository, signal), offset: 0 };
  const last = lastByteOf(response.headers['range']) ?? 0;
  return {
    location: response.headers.location ? locationOf(response.headers.location, response.url) : location,
    offset: last === 0 ? 0 : last + 1,
  };
}

async function send(
  repository: Repository,
  upload: { location: string; offset: number },
  file: GrowingFile,
  onProgress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<string> {
  async function* bytes() {
    let sent = upload.offset;
    for await (const chunk of file.read(upload.offset, { reuse: true })) {
      yield chunk;
      sent += chunk.length;
      onProgress(sent);
    }
  }
  const headers: Record<string, string> = { 'content-type': 'application/octet-stream' };
  const response = await repository.call(upload.location, {
    method: 'PATCH',
    headers,
    body: bytes(),
    expect: [202, 204, 201],
    signal,
  });
  response.body.resume();
  const kept = lastByteOf(response.headers['range']);
  if (kept !== undefined && kept + 1 < file.size && file.size > 1)
    throw Object.assign(new GantryError('unavailable', `${repository.name} kept ${kept + 1} of ${file.size} bytes that it was sent`), {
      code: 'ABORTED_BODY',
    });
  return locationOf(response.headers.location ?? upload.location, response.url);
}

/** `Range: 0-N`, both ends included; an empty upload says `0-0`, as one with a single byte does. */
function lastByteOf(range: unknown): number | undefined {
  const last = /^(?:bytes=)?0-(\d+)$/.exec(String(range ?? ''))?.[1];
  return last === undefined ? undefined : Number(last);
}

async function commit(repository: Repository, location: string, digest: string, signal: AbortSignal): Promise<void> {
  const url = new URL(location);
  url.searchParams.set('digest', digest);
  const response = await repository.call(url.href, {
    method: 'PUT',
    headers: { 'content-length': '0', 'content-type': 'application/octet-stream' },
    expect: [201, 204],
    signal,
  });
  response.body.resume();
  const kept = response.headers['docker-content-digest'];
  if (isDigest(kept) && kept !== digest) throw new GantryError('unavailable', `${repository.name} kept the blob ${digest} as ${kept}`);
}

/** Small blobs in one request (configurations). */
export async function uploadBytes(repository: Repository, data: Uint8Array, digest: string, signal: AbortSignal): Promise<void> {
  const url = new URL(await begin(repository, signal));
  url.searchParams.set('digest', digest);
  const response = await repository.call(url.href, {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream' },
    body: data,
    expect: [201, 204],
    signal,
  });
  response.body.resume();
}

function locationOf(location: string | undefined, from: URL): string {
  const url = location !== undefined && URL.canParse(location, from) ? new URL(location, from) : undefined;
  if (!url) throw new GantryError('unavailable', `${from.host} opened an upload without saying where`);
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new GantryError('unavailable', `${from.host} wants an upload to go to ${url.protocol}//…, which is not a web address`);
  url.username = url.password = '';
  return url.href;
}
