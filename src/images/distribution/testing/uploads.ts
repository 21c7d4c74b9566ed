import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { sha256Digest } from '../manifest.ts';
import { sendError, type TestRegistry } from './registry.ts';

type Step = 'begin' | 'patch' | 'status' | 'commit' | 'manifest' | 'other';
/** Sees each request first and answers it by returning true. `count` is 1 for the first of its step. */
type Hook = (step: Step, count: number, request: IncomingMessage, response: ServerResponse) => boolean | undefined;

/** Makes a registry that also takes pushes: what came of a request that broke off is kept. */
export class Uploads {
  readonly open = new Map<string, Buffer[]>();
  hook: Hook = () => false;
  /** Where uploads go; the registry itself, unless told. */
  origin = '';
  readonly #registry: TestRegistry;
  readonly #counts = new Map<Step, number>();

  constructor(registry: TestRegistry) {
    this.#registry = registry;
    registry.intercept = (request, response) => this.answer(request, response);
  }

  count(step: Step): number {
    return this.#counts.get(step) ?? 0;
  }

  answer(request: IncomingMessage, response: ServerResponse): boolean {
    const { method = '', url = '' } = request;
    const step = stepOf(method, url);
    this.#counts.set(step, this.count(step) + 1);
    request.on('error', () => {});
    if (this.hook(step, this.count(step), request, response)) return true;
    if (step === 'other') return false;
    const id = /uploads\/([\w-]+)/.exec(url)?.[1] ?? '';
    const chunks = this.open.get(id);
    if (step === 'begin') this.#begin(response);
    else if (step === 'manifest') this.#manifest(request, response, url);
    else if (!chunks) sendError(response, 404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry');
    else if (step === 'status') this.#progress(response, 204, id, chunks);
    else if (step === 'patch') {
      request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => this.#progress(response, 202, id, chunks));
    } else this.#commit(request, response, url, chunks);
    return true;
  }

  #begin(response: ServerResponse): void {
    const id = randomUUID();
    this.open.set(id, []);
    response.writeHead(202, { location: `${this.origin}/v2/app/blobs/uploads/${id}?state=a` }).end();
  }

  #progress(response: ServerResponse, status: number, id: string, chunks: Buffer[]): void {
    const size = Buffer.concat(chunks).length;
    response
      .writeHead(status, { location: `${this.origin}/v2/app/blobs/uploads/${id}?state=b`, range: `0-${Math.max(0, size - 1)}` })
      .end();
  }

  #commit(request: IncomingMessage, response: ServerResponse, url: string, chunks: Buffer[]): void {
    request
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .on('end', () => {
        const blob = Buffer.concat(chunks);
        const digest = new URL(url, 'http://x').searchParams.get('digest') ?? '';
        if (sha256Digest(blob) !== digest)
          return sendError(response, 400, 'DIGEST_INVALID', 'provided digest did not match uploaded content');
        this.#registry.blobs.set(digest, blob);
        return response.writeHead(201, { 'docker-content-digest': digest }).end();
      });
  }

  #manifest(request: IncomingMessage, response: ServerResponse, url: string): void {
    const chunks: Buffer[] = [];
    request
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .on('end', () => {
        const [, path = '', tag = ''] = /^\/v2\/(.+)\/manifests\/(.+)$/.exec(url) ?? [];
        const digest = this.#registry.addManifest(path, tag, Buffer.concat(chunks), String(request.headers['content-type']));
        response.writeHead(201, { 'docker-content-digest': digest }).end();
      });
  }
}

function stepOf(method: string, url: string): Step {
  if (method === 'POST' && url.includes('/uploads/')) return 'begin';
  if (method === 'PATCH') return 'patch';
  if (method === 'GET' && url.includes('/uploads/')) return 'status';
  if (method === 'PUT') return url.includes('/manifests/') ? 'manifest' : 'commit';
  return 'other';
}
