import { type Clock, GantryError } from '../../base/index.ts';
import type { Credentials } from '../images.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import type { Endpoint } from './endpoints.ts';
import { registryFailure } from './failures.ts';
import { ACCEPTED_MANIFESTS, isDigest, sha256Digest } from './manifest.ts';
import { withRetries } from './retry.ts';
import { basicHeader, type TokenCache } from './tokens.ts';
import { ConnectionError, describeRequest, type RegistryRequest, type RegistryResponse, readBody, type Transport } from './transport.ts';

/** Docker's limit for manifests. */
const MOST_MANIFEST_BYTES = 4 * 1024 * 1024;
const MOST_PAGE_BYTES = 4 * 1024 * 1024;
const MOST_PAGES = 1000;
const ATTEMPTS = 5;

export interface RepositoryParts {
  transport: Transport;
  tokens: TokenCache;
  clock: Clock;
  endpoint: Endpoint;
  /** Path of the repository at the registry, such as `library/busybox`. */
  path: string;
  /** What tokens must allow: `pull` or `pull,push`. */
  actions: string;
  /** What tokens must allow instead: `registry:catalog:*`. */
  scope?: string;
  credentials: Credentials | undefined;
}

export interface Manifest {
  digest: string;
  body: Buffer;
  contentType: string;
}

type Call = Pick<RegistryRequest, 'method' | 'signal'> & {
  headers?: Record<string, string>;
  body?: Uint8Array | AsyncIterable<Uint8Array>;
  expect: readonly number[];
};

/** One repository at one endpoint (OCI distribution specification), logged in as the registry asks. */
export class Repository {
  readonly #parts: RepositoryParts;
  #challenge: Challenge | undefined;
  readonly #extraScopes: string[] = [];

  constructor(parts: RepositoryParts) {
    this.#parts = parts;
  }

  get endpoint(): Endpoint {
    return this.#parts.endpoint;
  }

  /** Asks whether a v2 registry answers at the endpoint, and how it wants to be logged in to. */
  async ping(signal: AbortSignal): Promise<void> {
    const url = new URL('/v2/', this.endpoint.origin);
    const response = await this.#parts.transport.request({ method: 'GET', url, insecure: this.endpoint.insecure, signal });
    response.body.resume();
    // What servers of HTTPS answer to plain HTTP.
    if (response.status === 400 && url.protocol === 'http:')
      throw new ConnectionError(`${describeRequest({ method: 'GET', url })}: the server does not speak plain HTTP`, false, undefined);
    if (response.status === 401) this.#challenge = this.#choose(response);
  }

  /** Manifest or index by tag or digest; its digest is verified. */
  getManifest(reference: string, signal: AbortSignal): Promise<Manifest> {
    return withRetries(this.#parts.clock, ATTEMPTS, signal, async () => {
      const response = await this.call(`manifests/${reference}`, {
        method: 'GET',
        headers: { accept: ACCEPTED_MANIFESTS },
        expect: [200],
        signal,
      });
      const body = await readBody(response, MOST_MANIFEST_BYTES);
      const digest = sha256Digest(body);
      const claimed = response.headers['docker-content-digest'];
      const wanted = isDigest(reference) ? reference : isDigest(claimed) ? claimed : digest;
      if (digest !== wanted)
        throw new GantryError(
          'unavailable',
          `manifest verification failed for digest ${wanted}: ${this.endpoint.origin} sent a manifest with the digest ${digest}`,
        );
      return { digest, body, contentType: String(response.headers['content-type'] ?? '') };
    });
  }

  /** Makes `tag` stand for the manifest. Fails when the registry says that it kept something else. */
  async putManifest(tag: string, manifest: { mediaType: string; data: Uint8Array }, digest: string, signal: AbortSignal): Promise<void> {
    const response = await this.call(`manifests/${tag}`, {
      method: 'PUT',
      headers: { 'content-type': manifest.mediaType },
      body: manifest.data,
      expect: [201, 200],
      signal,
    });
    response.body.resume();
    const kept = response.headers['docker-content-digest'];
    if (isDigest(kept) && kept !== digest)
      throw new GantryError(
        'unavailable',
        `${this.endpoint.origin} kept the manifest of ${this.#parts.path}:${tag} as ${kept} instead of ${digest}`,
      );
  }

  /** All tags. */
  async listTags(signal: AbortSignal): Promise<string[]> {
    return (await this.#list('tags/list', 'tags', signal)).filter((tag) => /^\w[\w.-]{0,127}$/.test(tag));
  }

  /** All repositories of the registry, whichever one this is. */
  async listRepositories(signal: AbortSignal): Promise<string[]> {
    return (await this.#list('/v2/_catalog?n=1000', 'repositories', signal)).filter((name) => /^[a-z0-9][a-z0-9._/-]{0,255}$/.test(name));
  }

  /** Texts below `key`, page by page. */
  async #list(target: string, key: string, signal: AbortSignal): Promise<string[]> {
    const all: string[] = [];
    let next: string | undefined = target;
    for (let page = 0; next !== undefined && page < MOST_PAGES; page += 1) {
      const path: string = next;
      const { body, link } = await withRetries(this.#parts.clock, ATTEMPTS, signal, async () => {
        const response = await this.call(path, { method: 'GET', expect: [200], signal });
        return { body: await readBody(response, MOST_PAGE_BYTES), link: response.headers['link'] };
      });
      all.push(...this.#parseList(body, key));
      // RFC 8288: <address>; rel="next"
      next = /<([^>]+)>\s*;\s*rel="?next"?/.exec(String(link ?? ''))?.[1];
    }
    return all;
  }

  /** From byte `offset` on, if the registry can do that (206), otherwise from the first (200). The caller reads or destroys the body. */
  openBlob(digest: string, offset: number, signal: AbortSignal): Promise<RegistryResponse> {
    return this.call(`blobs/${digest}`, {
      method: 'GET',
      ...(offset > 0 ? { headers: { range: `bytes=${offset}-` } } : {}),
      expect: [200, 206],
      signal,
    });
  }

  /** Lets tokens from here on also pull from `path`, as cross-repository mounts need. */
  alsoPullFrom(path: string): void {
    const scope = `repository:${path}:pull`;
    if (!this.#extraScopes.includes(scope)) this.#extraScopes.push(scope);
  }

  /** `target` is a path below the repository, or an absolute address that the registry gave (an upload's location). */
  async call(target: string, call: Call): Promise<RegistryResponse> {
    const { endpoint, path } = this.#parts;
    const url = /^(https?:)?\//.test(target) ? new URL(target, endpoint.origin) : new URL(`/v2/${path}/${target}`, endpoint.origin);
    const ours = url.origin === endpoint.origin;
    if (!ours && url.protocol === 'http:' && !endpoint.insecure)
      throw new GantryError('unavailable', `${endpoint.origin} sends us on to plain HTTP at ${url.host}`);
    for (let again = false; ; again = true) {
      const headers = { ...call.headers, ...(ours ? await this.#authorization(call.signal, again) : {}) };
      const response = await this.#parts.transport.request({
        method: call.method,
        url,
        headers,
        insecure: endpoint.insecure,
        signal: call.signal,
        ...(call.body === undefined ? {} : { body: call.body }),
      });
      if (call.expect.includes(response.status)) return response;
      const streamed = call.body !== undefined && !(call.body instanceof Uint8Array);
      if (response.status === 401 && ours && !again && !streamed) {
        const challenge = this.#choose(response);
        if (challenge) {
          this.#challenge = challenge;
          response.body.resume();
          continue;
        }
      }
      throw await registryFailure(response, { method: call.method, url });
    }
  }

  async #authorization(signal: AbortSignal, refused: boolean): Promise<Record<string, string>> {
    const { credentials, tokens, path, actions, endpoint, scope: own } = this.#parts;
    if (credentials?.registryToken) return { authorization: `Bearer ${credentials.registryToken}` };
    const challenge = this.#challenge;
    if (!challenge) return {};
    if (challenge.scheme === 'basic') {
      if (!credentials?.username)
        throw new GantryError(
          'denied',
          `${describeRequest({ method: 'GET', url: new URL(`/v2/${path}/`, endpoint.origin) })}: no basic auth credentials`,
        );
      return basicHeader(credentials);
    }
    const scope = own ?? [`repository:${path}:${actions}`, ...this.#extraScopes].join(' ');
    return { authorization: `Bearer ${await tokens.get({ challenge, scope, credentials, insecure: endpoint.insecure, signal }, refused)}` };
  }

  /** Bearer before basic; undefined when the registry offers neither. */
  #choose(response: RegistryResponse): Challenge | undefined {
    const offered = parseChallenges(response.headers['www-authenticate']);
    return offered.find((challenge) => challenge.scheme === 'bearer') ?? offered.find((challenge) => challenge.scheme === 'basic');
  }

  #parseList(body: Buffer, key: string): string[] {
    let value: unknown;
    try {
      value = JSON.parse(body.toString('utf8'));
    } catch (error) {
      throw new GantryError('unavailable', `${this.endpoint.origin} sent a list of ${key} that is not JSON`, { cause: error });
    }
    const list = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
    if (list === null) return [];
    if (!Array.isArray(list)) throw new GantryError('unavailable', `${this.endpoint.origin} sent a list of ${key} without ${key}`);
    return list.filter((entry): entry is string => typeof entry === 'string');
  }
}
