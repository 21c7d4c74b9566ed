import { checkName, parseDigest, RegistryError, type Upload } from '../../registry/index.ts';
import type { Call } from './call.ts';

/** POST: begins an upload, or takes the blob at once (`digest` with a body), or from another repository (`mount` and `from`). */
export async function startUpload(call: Call, repository: string): Promise<void> {
  await call.permit({ action: 'push', repository });
  const { query } = call.exchange;
  const [mount, from, digest] = [query.get('mount'), query.get('from'), query.get('digest')];
  if (mount !== null && from !== null && (await mounted(call, repository, from, mount))) return sendCreated(call, repository, mount);
  if (digest !== null) parseDigest(digest);
  const upload = await call.registry.startUpload(repository);
  if (digest === null) return sendProgress(call, repository, upload, 202);
  try {
    await append(call, upload);
    await upload.commit(digest);
  } catch (error) {
    // Nobody knows its address, so nobody could go on.
    await upload.cancel().catch(() => {});
    throw error;
  }
  sendCreated(call, repository, digest);
}

/** What the client may not pull there is not there, as far as it can tell: it uploads the blob then. */
async function mounted(call: Call, repository: string, from: string, digest: string): Promise<boolean> {
  parseDigest(digest);
  if (!(await call.may({ action: 'pull', repository: checkName(from) }))) return false;
  return await call.registry.mount(repository, from, digest);
}

export async function patchUpload(call: Call, repository: string, id: string): Promise<void> {
  await call.permit({ action: 'push', repository });
  const upload = await call.registry.upload(repository, id);
  await atOffset(call, repository, upload, () => append(call, upload));
  sendProgress(call, repository, upload, 202);
}

/** The end of an upload, with or without a last piece. */
export async function finishUpload(call: Call, repository: string, id: string): Promise<void> {
  await call.permit({ action: 'push', repository });
  const digest = call.exchange.query.get('digest');
  if (digest === null) throw new RegistryError('DIGEST_INVALID', 'the upload cannot end without its digest: ?digest=sha256:…');
  parseDigest(digest);
  const upload = await call.registry.upload(repository, id);
  await atOffset(call, repository, upload, () => append(call, upload));
  await upload.commit(digest);
  sendCreated(call, repository, digest);
}

export async function uploadStatus(call: Call, repository: string, id: string): Promise<void> {
  await call.permit({ action: 'push', repository });
  sendProgress(call, repository, await call.registry.upload(repository, id), 204);
}

export async function cancelUpload(call: Call, repository: string, id: string): Promise<void> {
  await call.permit({ action: 'push', repository });
  await (await call.registry.upload(repository, id)).cancel();
  call.exchange.sendEmpty(204);
}

/** A refusal for the wrong place says which is the right one. */
async function atOffset(call: Call, repository: string, upload: Upload, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof RegistryError && error.code === 'RANGE_INVALID')
      call.exchange.headers = [...call.exchange.headers, ...progressHeaders(repository, upload)];
    throw error;
  }
}

async function append(call: Call, upload: Upload): Promise<void> {
  const { headers } = call.exchange.request;
  const length = headers['content-length'] === undefined ? undefined : Number(headers['content-length']);
  const range = parseContentRange(headers['content-range'], length);
  if (length === 0 || (length === undefined && headers['transfer-encoding'] === undefined)) return;
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== undefined && type !== 'application/octet-stream')
    throw new RegistryError('BLOB_UPLOAD_INVALID', `the Content-Type is ${type}, but bytes of a blob are application/octet-stream`, {
      contentType: type,
    });
  const source = call.exchange.upload() as AsyncIterable<Buffer>;
  await upload.append(source, {
    ...(range === undefined ? {} : { start: range }),
    ...(length === undefined ? {} : { length }),
    signal: call.exchange.signal,
  });
}

/** Where the piece begins. The specification writes `0-1023`; some clients write `bytes 0-1023/4096`. */
function parseContentRange(header: string | undefined, length: number | undefined): number | undefined {
  if (header === undefined) return undefined;
  const match = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\d+|\*))?$/.exec(header.trim());
  const [start, end] = [Number(match?.[1]), Number(match?.[2])];
  if (!match || end < start)
    throw new RegistryError('RANGE_INVALID', `the Content-Range '${header.slice(0, 100)}' is not start-end, such as 0-1023`, {
      range: header.slice(0, 100),
    });
  if (length !== undefined && end - start + 1 !== length)
    throw new RegistryError('SIZE_INVALID', `the Content-Range ${start}-${end} does not go with a Content-Length of ${length}`, { length });
  return start;
}

function progressHeaders(repository: string, { id, offset }: Upload): string[] {
  return ['Location', `/v2/${repository}/blobs/uploads/${id}`, 'Range', `0-${Math.max(0, offset - 1)}`, 'Docker-Upload-UUID', id];
}

function sendProgress(call: Call, repository: string, upload: Upload, status: number): void {
  call.exchange.sendEmpty(status, progressHeaders(repository, upload));
}

function sendCreated(call: Call, repository: string, digest: string): void {
  call.exchange.sendEmpty(201, ['Location', `/v2/${repository}/blobs/${digest}`, 'Docker-Content-Digest', digest]);
}
