import { pipeline } from 'node:stream/promises';
import { RegistryError, type StoredBlob } from '../../registry/index.ts';
import type { Call } from './call.ts';

/** GET and HEAD, whole or one range. */
export async function getBlob(call: Call, repository: string, digest: string): Promise<void> {
  await call.permit({ action: 'pull', repository });
  const { exchange } = call;
  const { headers } = exchange.request;
  const blob = await call.registry.blob(repository, digest);
  const tag = `"${digest}"`;
  const common = ['Docker-Content-Digest', digest, 'ETag', tag, 'Accept-Ranges', 'bytes', 'Cache-Control', 'max-age=31536000'];
  if (headers['if-none-match']?.includes(digest)) return exchange.sendEmpty(304, common);
  const condition = headers['if-range'];
  const range = condition === undefined || condition === tag ? parseRange(headers.range, blob.size) : undefined;
  if (range === 'outside') return refuseRange(call, blob, common);
  const { start, end } = range ?? { start: 0, end: blob.size - 1 };
  const extra = range ? ['Content-Range', `bytes ${start}-${end}/${blob.size}`] : [];
  const length = ['Content-Type', 'application/octet-stream', 'Content-Length', String(end - start + 1)];
  exchange.response.writeHead(range ? 206 : 200, [...exchange.headers, ...common, ...extra, ...length]);
  if (exchange.method === 'HEAD' || blob.size === 0) return void exchange.response.end();
  await pipeline(blob.open(start, end, exchange.signal), exchange.response);
}

function refuseRange(call: Call, blob: StoredBlob, common: string[]): void {
  call.exchange.headers = [...call.exchange.headers, ...common, 'Content-Range', `bytes */${blob.size}`];
  throw new RegistryError('RANGE_INVALID', `the range lies outside of the ${blob.size} bytes`, { size: blob.size });
}

/** One range of bytes (RFC 9110, 14.1.2). Several at once, and what is not understood, mean the whole, as the RFC allows. */
export function parseRange(header: string | undefined, size: number): { start: number; end: number } | 'outside' | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  if (match[1] === '') {
    const last = Number(match[2]);
    return last === 0 || size === 0 ? 'outside' : { start: Math.max(0, size - last), end: size - 1 };
  }
  const start = Number(match[1]);
  const end = match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (match[2] !== '' && Number(match[2]) < start) return undefined;
  return start >= size ? 'outside' : { start, end };
}

export async function deleteBlob(call: Call, repository: string, digest: string): Promise<void> {
  await call.permit({ action: 'delete', repository });
  await call.registry.deleteBlob(repository, digest);
  call.exchange.sendEmpty(202);
}
