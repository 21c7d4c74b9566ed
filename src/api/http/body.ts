import type { IncomingMessage } from 'node:http';
import { GantryError, invalid } from '../../base/index.ts';

/** Bytes that a JSON body may have: a large seccomp profile is 100 kB. */
export const JSON_LIMIT = 16 * 1024 * 1024;

/** The whole body. Fails with `invalid` above `limit` bytes. */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limit) throw new BodyTooLarge(limit);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, length);
}

/** The connection can't be used further, since the rest of the body is still to come. */
export class BodyTooLarge extends GantryError {
  constructor(limit: number) {
    super('invalid', `http: request body too large: the limit is ${limit} bytes`);
  }
}

/**
 * A JSON body as an object; undefined when there is none. Fails with `invalid` for another content type, for text
 * that is not JSON, and for JSON that is not an object.
 */
export async function readJson(request: IncomingMessage, limit = JSON_LIMIT): Promise<Record<string, unknown> | undefined> {
  const body = await readBody(request, limit);
  if (body.length === 0) return undefined;
  checkContentType(request.headers['content-type']);
  const value = parseJson(body);
  if (value === null) return undefined;
  if (typeof value !== 'object' || Array.isArray(value))
    throw invalid(`invalid JSON: expected an object, got ${Array.isArray(value) ? 'an array' : `a ${typeof value}`}`);
  return value as Record<string, unknown>;
}

function checkContentType(header: string | undefined): void {
  if (header === undefined || header === '') return;
  const type = header.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') throw invalid(`unsupported Content-Type header (${header}): must be 'application/json'`);
}

/** Deeper than any document of a client; far below what would exhaust the stack of whoever writes it again. */
const MAXIMUM_DEPTH = 100;

function parseJson(body: Buffer): unknown {
  if (depthOf(body) > MAXIMUM_DEPTH) throw invalid(`invalid JSON: it is nested deeper than ${MAXIMUM_DEPTH} levels`);
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw invalid(`invalid JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The deepest nesting of brackets outside of strings. */
function depthOf(body: Buffer): number {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  for (let index = 0; index < body.length; index += 1) {
    const byte = body[index];
    if (quoted) {
      if (byte === BACKSLASH) index += 1;
      else if (byte === QUOTE) quoted = false;
    } else if (byte === QUOTE) quoted = true;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) deepest = Math.max(deepest, ++depth);
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth -= 1;
  }
  return deepest;
}

const [QUOTE, BACKSLASH, OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = Buffer.from('"\\{}[]');
