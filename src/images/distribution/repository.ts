import { type Clock, GantryError } from '../../base/index.ts';
import type { Credentials } from '../images.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import type { Endpoint } from './endpoints.ts';
import { registryFailure, TokenExpired } from './failures.ts';
import { ACCEPTED_MANIFESTS, isDigest, sha256Digest } from './manifest.ts';
import { withRetries } from './retry.ts';
import { basicHeader, type TokenCache } from './tokens.ts';
import { ConnectionError, describeRequest, type RegistryRequest, type RegistryResponse, readBody, type Transport } from './transport.ts';

/** Docker's limit for manifests. */
const MOST_MANIFEST_BYTES = 4 * 1024 * 1024;
const MOST_PAGE_BYTES = 4 * 1024 * 1024;
const MOST_NAMES = 100_000;
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
  /** The registry has answered before: where nobody listens now, it is being started again. */
  #reached = false;
  /** The last token was refused; the next request gets a new one. */
  #refused = false;
  readonly #extraScopes: string[] = [];

  constructor(parts: RepositoryParts) {
    this.#parts = parts;
  }

  get endpoint(): Endpoint {
    return this.#parts.endpoint;
  }

  /** Registry and repository, as messages name them. */
  get name(): string {
    return `${new URL(this.endpoint.origin).host}/${this.#parts.path}`;
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
    this.#reached = true;
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
          `manifest verification failed for digest ${wanted}: ${this.name} sent a manifest with the digest ${digest}`,
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
      throw new GantryError('unavailable', `${this.name} kept the manifest of ${tag} as ${kept} instead of ${digest}`);
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
    const seen = new Set<string>();
    while (next !== undefined) {
      const path: string = next;
      if (seen.has(path) || all.length > MOST_NAMES)
        throw new GantryError('unavailable', `the list of ${key} of ${this.name} does not end: ${all.length} came so far`);
      seen.add(path);
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
      const headers = { ...call.headers, ...(ours ? await this.#authorization(call.signal) : {}) };
      const response = await this.#request({ ...call, url, headers });
      if (call.expect.includes(response.status)) return response;
      const challenge = response.status === 401 && ours ? this.#choose(response) : undefined;
      const failure = challenge && !again && isRepeatable(call) ? undefined : await registryFailure(response, { method: call.method, url });
      if (challenge) this.#challenge = challenge;
      this.#refused = challenge !== undefined;
      // What was streamed is gone: whoever sends it finds out how far it got, and goes on with a new token.
      if (failure && challenge && !isRepeatable(call) && challenge.scheme === 'bearer') throw new TokenExpired(failure);
      if (failure) throw failure;
      response.body.resume();
    }
  }

  async #request(call: Omit<RegistryRequest, 'insecure'>): Promise<RegistryResponse> {
    const { method, url, headers = {}, body, signal } = call;
    try {
      const { transport, endpoint } = this.#parts;
      return await transport.request({
        method,
        url,
        headers,
        insecure: endpoint.insecure,
        signal,
        ...(body === undefined ? {} : { body }),
      });
    } catch (error) {
      if (this.#reached && error instanceof ConnectionError && error.refused) throw new ConnectionError(error.message, true, error.cause);
      throw error;
    }
  }

  async #authorization(signal: AbortSignal): Promise<Record<string, string>> {
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
    const token = await tokens.get({ challenge, scope, credentials, insecure: endpoint.insecure, signal }, this.#refused);
    this.#refused = false;
    return { authorization: `Bearer ${token}` };
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

const isRepeatable = ({ body }: Call) => body === undefined || body instanceof Uint8Array;
