import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { posix } from 'node:path';
import { GantryError, invalid, notFound } from '../../base/index.ts';

const MAX_REDIRECTS = 10;
const SILENCE = 60_000;
/** Bytes; more is refused unless the disk is the limit before that. */
const MAX_SIZE = 64 * 1024 ** 3;

export interface FetchUrlOptions {
  file: string;
  /** `sha256:…`, also sha384 and sha512. */
  checksum: string | undefined;
  signal: AbortSignal;
  progress?: (bytes: number) => void;
}

export interface FetchedUrl {
  /** The last name of the URL, or the one that the server gives. */
  name: string;
  size: number;
  /** SHA-256, 64 digits. */
  digest: string;
  /** Last-Modified in nanoseconds; 0 when there is none. */
  modified: bigint;
  contentType: string;
}

/** Downloads with GET into a file. A name and a password in the URL are for its host only, wherever it redirects to. */
export async function fetchUrl(address: string, options: FetchUrlOptions): Promise<FetchedUrl> {
  const expected = options.checksum === undefined ? undefined : parseChecksum(options.checksum);
  const { response, url } = await follow(parsed(address), options.signal);
  const { size, digest, checked } = await save(response, options, expected?.algorithm);
  if (expected && checked !== expected.digits)
    throw invalid(`digest mismatch ${expected.algorithm}:${checked} (expected: ${options.checksum}) for ${shown(url)}`);
  const modified = Date.parse(response.headers['last-modified'] ?? '');
  return {
    name: nameOf(parsed(address), response),
    size,
    digest,
    modified: Number.isNaN(modified) ? 0n : BigInt(modified) * 1_000_000n,
    contentType: (response.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '',
  };
}

function parsed(address: string, base?: URL): URL {
  const url = base ? URL.parse(address, base) : URL.parse(address);
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) throw invalid(`"${address}" is not a URL with http or https`);
  return url;
}

async function follow(start: URL, signal: AbortSignal): Promise<{ response: IncomingMessage; url: URL }> {
  let url = start;
  for (let count = 0; count <= MAX_REDIRECTS; count += 1) {
    const response = await get(url, url.origin === start.origin ? start : undefined, signal);
    const status = response.statusCode ?? 0;
    const { location } = response.headers;
    if (status >= 200 && status < 300) return { response, url };
    response.destroy();
    if (status === 404 || status === 410) throw notFound(`${shown(url)}: the server answered ${status} (not found)`);
    if (status < 300 || status >= 400 || location === undefined)
      throw new GantryError('unavailable', `invalid response status ${status} from ${shown(url)}`);
    const next = parsed(location, url);
    if (url.protocol === 'https:' && next.protocol === 'http:') throw invalid(`${shown(url)} redirects from https to http: refused`);
    url = next;
  }
  throw invalid(`${shown(start)} redirects more than ${MAX_REDIRECTS} times`);
}

function get(url: URL, credentials: URL | undefined, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // Loaded by the first download that needs it.
    const start = url.protocol === 'https:' ? process.getBuiltinModule('node:https').request : httpRequest;
    const headers: Record<string, string> = { accept: '*/*', 'user-agent': 'gantry', 'accept-encoding': 'identity' };
    const { username, password } = credentials ?? { username: '', password: '' };
    if (username !== '' || password !== '')
      headers['authorization'] =
        `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`;
    const target = new URL(url.href);
    target.username = '';
    target.password = '';
    const request: ClientRequest = start(target, { headers, signal, timeout: SILENCE, agent: false }, resolve);
    request.on('timeout', () => request.destroy(new GantryError('unavailable', `${shown(url)} was silent for ${SILENCE / 1000} seconds`)));
    request.on('error', (error) => {
      if (signal.aborted) reject(signal.reason);
      else
        reject(
          error instanceof GantryError
            ? error
            : new GantryError('unavailable', `Could not fetch ${shown(url)}: ${error.message}`, { cause: error }),
        );
    });
    request.end();
  });
}

async function save(
  response: IncomingMessage,
  options: FetchUrlOptions,
  algorithm: string | undefined,
): Promise<{ size: number; digest: string; checked: string }> {
  const hash = createHash('sha256');
  const other = algorithm === undefined || algorithm === 'sha256' ? undefined : createHash(algorithm);
  let size = 0;
  await using handle = await open(options.file, 'wx', 0o600);
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_SIZE) throw invalid(`the download has more than ${MAX_SIZE} bytes: refused`);
      hash.update(chunk);
      other?.update(chunk);
      await handle.write(chunk);
      options.progress?.(size);
    }
  } catch (error) {
    options.signal.throwIfAborted();
    if ((error as { code?: string }).code === 'ENOSPC')
      throw new GantryError('unavailable', 'no space left on device for the download', { cause: error });
    if (error instanceof GantryError) throw error;
    throw new GantryError('unavailable', `The download broke off after ${size} bytes`, { cause: error });
  }
  const digest = hash.digest('hex');
  return { size, digest, checked: other?.digest('hex') ?? digest };
}

function parseChecksum(text: string): { algorithm: string; digits: string } {
  const match = /^(sha256|sha384|sha512):([0-9a-f]+)$/.exec(text);
  const lengths: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };
  if (!match || match[2]?.length !== lengths[match[1] as string]) throw invalid(`invalid checksum digest format: "${text}"`);
  return { algorithm: match[1] as string, digits: match[2] as string };
}

function nameOf(url: URL, response: IncomingMessage): string {
  let base = posix.basename(url.pathname);
  try {
    base = posix.basename(decodeURIComponent(url.pathname));
  } catch {
    // Not percent-encoded text: the name stays as it is written.
  }
  if (base !== '' && base !== '.' && base !== '..') return base;
  const given = /filename="?([^";]+)"?/i.exec(response.headers['content-disposition'] ?? '')?.[1];
  const name = posix.basename(given ?? '');
  return name === '' || name === '.' || name === '..' ? '__unnamed__' : name;
}

const shown = (url: URL): string => `${url.protocol}//${url.host}${url.pathname}`;
