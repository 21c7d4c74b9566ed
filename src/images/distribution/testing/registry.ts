import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { MEDIA, sha256Digest } from '../manifest.ts';

export interface TestImage {
  manifest: Buffer;
  config: Buffer;
  layers: Buffer[];
  diffIds: string[];
}

/** An image whose layers hold `contents`. */
export function makeImage(
  contents: readonly Buffer[],
  options: { compress?: (tar: Buffer) => Buffer; mediaType?: string; platform?: { os?: string; architecture?: string } } = {},
): TestImage {
  const layers = contents.map(options.compress ?? ((tar) => gzipSync(tar, { level: 1 })));
  const diffIds = contents.map(sha256Digest);
  const config = Buffer.from(
    JSON.stringify({ os: 'linux', architecture: 'amd64', ...options.platform, config: {}, rootfs: { type: 'layers', diff_ids: diffIds } }),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA.dockerManifest,
      config: { mediaType: MEDIA.dockerConfig, size: config.length, digest: sha256Digest(config) },
      layers: layers.map((layer) => ({
        mediaType: options.mediaType ?? MEDIA.dockerLayer,
        size: layer.length,
        digest: sha256Digest(layer),
      })),
    }),
  );
  return { manifest, config, layers, diffIds };
}

type Handler = (request: IncomingMessage, response: ServerResponse) => boolean | undefined;

/** A small registry on loopback that can be made to misbehave: `intercept` sees each request first and answers it by returning true. */
export class TestRegistry implements AsyncDisposable {
  readonly blobs = new Map<string, Buffer>();
  /** By `path:tag` and `path@digest`. */
  readonly manifests = new Map<string, { type: string; body: Buffer }>();
  readonly requests: string[] = [];
  intercept: Handler = () => false;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<TestRegistry> {
    const server = createServer();
    const registry = new TestRegistry(server);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      registry.requests.push(`${request.method} ${request.url}`);
      if (!registry.intercept(request, response)) registry.#answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return registry;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  add(path: string, tag: string, image: TestImage): string {
    for (const blob of [image.config, ...image.layers]) this.blobs.set(sha256Digest(blob), blob);
    return this.addManifest(path, tag, image.manifest, MEDIA.dockerManifest);
  }

  addManifest(path: string, tag: string, body: Buffer, type: string): string {
    const digest = sha256Digest(body);
    this.manifests.set(`${path}:${tag}`, { type, body }).set(`${path}:${digest}`, { type, body });
    return digest;
  }

  /** Nobody listens for a while, and then the same registry again; what it held of uploads is the test's affair. */
  async restart(milliseconds: number): Promise<void> {
    const { port } = this.#server.address() as AddressInfo;
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
  }

  count(pattern: RegExp): number {
    return this.requests.filter((request) => pattern.test(request)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const [, path = '', what = '', reference = ''] = /^\/v2\/(?:(.+)\/(manifests|blobs|tags)\/([^/?]+))?/.exec(request.url ?? '') ?? [];
    if (what === '') return void response.end('{}');
    if (what === 'tags') {
      const tags = [...this.manifests.keys()]
        .filter((key) => key.startsWith(`${path}:`) && !key.includes('sha256:'))
        .map((key) => key.slice(path.length + 1));
      return void response.end(JSON.stringify({ name: path, tags }));
    }
    if (what === 'manifests') {
      const manifest = this.manifests.get(`${path}:${reference}`);
      if (!manifest) return void sendError(response, 404, 'MANIFEST_UNKNOWN', 'manifest unknown');
      return void response
        .writeHead(200, { 'content-type': manifest.type, 'docker-content-digest': sha256Digest(manifest.body) })
        .end(manifest.body);
    }
    const blob = this.blobs.get(reference);
    if (!blob) return void sendError(response, 404, 'BLOB_UNKNOWN', 'blob unknown to registry');
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (from > 0)
      response.writeHead(206, { 'content-range': `bytes ${from}-${blob.length - 1}/${blob.length}`, 'content-length': blob.length - from });
    response.end(blob.subarray(from));
  }
}

export function sendError(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
  headers: Record<string, string> = {},
): true {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify({ errors: [{ code, message }] }));
  return true;
}
