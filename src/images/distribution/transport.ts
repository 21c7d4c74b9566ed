import type { Agent, AgentOptions, ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { errnoOf, GantryError } from '../../base/index.ts';
import { readCertificates } from './certificates.ts';
import { isLoopback } from './endpoints.ts';

// Not imported statically: that reads every export of node:http and so loads a second HTTP client, 16 MB and 40 ms.
const http = process.getBuiltinModule('node:http');

export interface TransportOptions {
  /** Folders with certificates by registry host. */
  certificateFolders: readonly string[];
  userAgent: string;
  /** Milliseconds without a byte from the other side after which a request fails. */
  stallTimeout: number;
}

export interface RegistryRequest {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  url: URL;
  headers?: Record<string, string>;
  /** A stream's piece is used until the next one is asked for. */
  body?: Uint8Array | AsyncIterable<Uint8Array>;
  /** Accept any certificate, and being sent from HTTPS to HTTP. */
  insecure: boolean;
  signal: AbortSignal;
}

export interface RegistryResponse {
  status: number;
  headers: IncomingHttpHeaders;
  body: IncomingMessage;
  /** Where it came from in the end, after redirects. */
  url: URL;
}

const MOST_REDIRECTS = 5;
/** Manifests, tokens, lists and errors take no longer, also over a slow line. Milliseconds. */
const SHORT_ANSWER = 300_000;
const CONNECTIONS_PER_HOST = 8;
/** How long an idle connection is kept, in milliseconds. */
const KEEP_IDLE = 15_000;

/** A fault of the connection, not an answer: worth another try. */
export class ConnectionError extends GantryError {
  /** False when nobody listens there or the name is unknown: trying again at once is no use. */
  readonly passing: boolean;
  /** Nobody listens there now. Where somebody did a moment ago, a server is being started again. */
  readonly refused: boolean;

  constructor(message: string, passing: boolean, cause: unknown, refused = false) {
    super('unavailable', message, { cause });
    this.passing = passing;
    this.refused = refused;
  }
}

/** HTTP to registries: keep-alive, TLS by host, bounded redirects that never carry credentials to another host. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #agents = new Map<string, Agent>();

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** Resolves when the headers are there. The caller reads or destroys the body. */
  async request(request: RegistryRequest): Promise<RegistryResponse> {
    let { url, headers = {} } = request;
    for (let redirects = 0; ; redirects += 1) {
      const body = await this.#send({ ...request, url, headers });
      const status = body.statusCode ?? 0;
      const { location } = body.headers;
      const redirected =
        (request.method === 'GET' || request.method === 'HEAD') && [301, 302, 303, 307, 308].includes(status) && location !== undefined;
      if (!redirected) return { status, headers: body.headers, body, url };
      body.resume();
      if (redirects === MOST_REDIRECTS)
        throw new GantryError('unavailable', `${describeRequest(request)}: stopped after ${MOST_REDIRECTS} redirects`);
      const next = this.#follow(request, url, location);
      if (next.origin !== url.origin) headers = withoutCredentials(headers);
      url = next;
    }
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  #follow(request: RegistryRequest, from: URL, location: string): URL {
    const next = URL.canParse(location, from) ? new URL(location, from) : undefined;
    if (!next || (next.protocol !== 'https:' && next.protocol !== 'http:'))
      throw new GantryError(
        'unavailable',
        `${describeRequest(request)}: redirected to ${JSON.stringify(location.slice(0, 200))}, which is not a web address`,
      );
    if (from.protocol === 'https:' && next.protocol === 'http:' && !request.insecure)
      throw new GantryError('unavailable', `${describeRequest(request)}: redirected from HTTPS to plain HTTP at ${next.host}`);
    next.username = next.password = '';
    return next;
  }

  async #send(request: RegistryRequest): Promise<IncomingMessage> {
    const { url, signal, body } = request;
    signal.throwIfAborted();
    const agent = await this.#agent(url, request.insecure);
    // node:https costs memory, so it is loaded by the first request that needs it.
    const start = url.protocol === 'https:' ? process.getBuiltinModule('node:https').request : http.request;
    return new Promise((resolve, reject) => {
      const headers: Record<string, string> = { 'user-agent': this.#options.userAgent, ...request.headers };
      if (body instanceof Uint8Array) headers['content-length'] = String(body.length);
      const outgoing = start(url, { method: request.method, agent, headers, signal });
      const fail = (error: unknown) => {
        // Certificates are read anew for the next request: whoever has just put one there need not restart the daemon.
        if (url.protocol === 'https:') this.#agents.delete(agentKey(url, request.insecure));
        reject(signal.aborted ? signal.reason : connectionError(request, error));
      };
      outgoing.setTimeout(this.#options.stallTimeout, () =>
        outgoing.destroy(Object.assign(new Error(`no answer within ${this.#options.stallTimeout / 1000} seconds`), { code: 'ETIMEDOUT' })),
      );
      outgoing.once('error', fail);
      outgoing.once('response', (response) => {
        outgoing.off('error', fail);
        // After the headers, faults arrive at whoever reads the body.
        outgoing.on('error', (error) => response.destroy(error));
        // An answer that did not wait for the whole body: the rest has nowhere to go.
        response.once('end', () => outgoing.writableEnded || outgoing.destroy());
        resolve(response);
      });
      if (body === undefined || body instanceof Uint8Array) outgoing.end(body);
      else sendAll(body, outgoing).catch((error) => outgoing.destroy(error));
    });
  }

  async #agent(url: URL, insecure: boolean): Promise<Agent> {
    const key = agentKey(url, insecure);
    const known = this.#agents.get(key);
    if (known) return known;
    const shared = {
      keepAlive: true,
      maxSockets: CONNECTIONS_PER_HOST,
      timeout: KEEP_IDLE,
      ...(isLoopback(url.hostname) ? {} : { proxyEnv: process.env }),
    };
    const agent = url.protocol === 'http:' ? new http.Agent(shared) : await this.#secureAgent(url, insecure, shared);
    this.#agents.set(key, agent);
    return agent;
  }

  async #secureAgent(url: URL, insecure: boolean, shared: AgentOptions): Promise<Agent> {
    const [https, tls] = await Promise.all([import('node:https'), import('node:tls')]);
    const own = readCertificates(url.host, this.#options.certificateFolders);
    const system = insecure ? [] : tls.getCACertificates('system');
    return new https.Agent({
      ...shared,
      rejectUnauthorized: !insecure,
      ...(insecure ? {} : { ca: [...(system.length > 0 ? system : tls.getCACertificates('bundled')), ...(own.ca ?? [])] }),
      ...(own.pairs.length > 0 ? { cert: own.pairs.map((pair) => pair.cert), key: own.pairs.map((pair) => pair.key) } : {}),
    });
  }
}

/** Piece by piece, each one out before the next is fetched. */
async function sendAll(body: AsyncIterable<Uint8Array>, outgoing: ClientRequest): Promise<void> {
  for await (const piece of body) {
    await new Promise<void>((resolve, reject) => {
      outgoing.once('close', resolve);
      outgoing.write(piece, (error) => {
        outgoing.off('close', resolve);
        if (error) reject(error);
        else resolve();
      });
    });
    // The answer came early, or the connection broke: whoever waits for the answer hears of it.
    if (outgoing.destroyed || outgoing.closed) return;
  }
  outgoing.end();
}

const agentKey = (url: URL, insecure: boolean) => `${url.origin} ${insecure}`;

/** Reads a whole body of at most `limit` bytes, within `patience` milliseconds: a byte now and then is no answer. */
export async function readBody(response: RegistryResponse, limit: number, patience = SHORT_ANSWER): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  const late = () =>
    response.body.destroy(
      new GantryError('unavailable', `${response.url.host} did not end a short answer within ${patience / 1000} seconds`),
    );
  const timer = setTimeout(late, patience);
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limit)
        throw new GantryError('unavailable', `${response.url.host} sent more than ${limit} bytes where a short answer was expected`);
      chunks.push(chunk);
    }
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks);
}

/** As Docker writes it: `Get "https://host/v2/"`. Without the query, which may hold secrets. */
export function describeRequest(request: { method: string; url: URL }): string {
  const verb = `${request.method[0]}${request.method.slice(1).toLowerCase()}`;
  return `${verb} "${request.url.origin}${request.url.pathname}"`;
}

function withoutCredentials(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !['authorization', 'cookie', 'proxy-authorization'].includes(name.toLowerCase())),
  );
}

const REASONS: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EPIPE: 'connection reset by peer',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the name could not be looked up: no answer from the name servers',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  EPROTO: 'the TLS handshake failed',
};
const LASTING: readonly (string | undefined)[] = ['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'EPROTO'];

function connectionError(request: RegistryRequest, error: unknown): ConnectionError {
  const code = errnoOf(error);
  const said = error instanceof Error ? error.message : String(error);
  const certificate = code !== undefined && /CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS|ERR_SSL/.test(code);
  const reason = code?.startsWith('HPE_')
    ? `the answer is not HTTP (${said})`
    : certificate
      ? `the certificate was refused: ${said}`
      : (REASONS[code ?? ''] ?? said);
  return new ConnectionError(
    `${describeRequest(request)}: ${reason}`,
    !certificate && !LASTING.includes(code) && !code?.startsWith('HPE_'),
    // What has been said is not said again.
    reason === said || reason.includes(said) || REASONS[code ?? ''] ? undefined : error,
    code === 'ECONNREFUSED',
  );
}
