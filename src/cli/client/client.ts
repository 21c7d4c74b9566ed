import type { Agent, AgentOptions, ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { connectionOptions, type Endpoint } from './endpoint.ts';
import { EngineRefusal, NoEngine, refusalText } from './errors.ts';
import { parseJson } from './json.ts';

// `import` reads every export of the module, and one of them loads a whole WebSocket client: 15–30 ms that nobody needs.
const http = process.getBuiltinModule('node:http');

/** Versions of the Docker Engine API that this client can speak. */
export const NEWEST_API = '1.51';
export const OLDEST_API = '1.24';

export type Query = Record<string, string | number | boolean | readonly string[] | undefined>;

export interface CallOptions {
  readonly query?: Query;
  /** A value is sent as JSON; a stream or buffer as it is. */
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

/** A connection taken over from HTTP: after the reply both sides send raw bytes. */
export interface Hijacked {
  readonly socket: Duplex;
  /** True when output comes in frames with an 8-byte header (no TTY). */
  readonly multiplexed: boolean;
}

function encodeQuery(query: Query | undefined): string {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === undefined || value === '') continue;
    if (Array.isArray(value)) for (const one of value) parts.append(name, one);
    else parts.append(name, typeof value === 'boolean' ? (value ? '1' : '0') : String(value));
  }
  const text = parts.toString();
  return text === '' ? '' : `?${text}`;
}

const isStream = (body: unknown): body is Readable => typeof body === 'object' && body !== null && 'pipe' in body;

export function compareVersions(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.split('.').map(Number);
  const [majorB = 0, minorB = 0] = b.split('.').map(Number);
  return majorA - majorB || minorA - minorB;
}

/** Speaks the Docker Engine API to one endpoint. Errors: `EngineRefusal` for a refusal, `NoEngine` when nothing answers. */
export class EngineClient {
  readonly #endpoint: Endpoint;
  readonly #options: RequestOptions;
  readonly #request: typeof http.request;
  readonly #agent: Agent;
  #version: string | undefined;

  private constructor(endpoint: Endpoint, options: RequestOptions, request: typeof http.request, agent: Agent) {
    this.#endpoint = endpoint;
    this.#options = options;
    this.#request = request;
    this.#agent = agent;
  }

  /** Connects, and settles on the newest API version that both sides speak; `fixed` skips the question. */
  static async connect(endpoint: Endpoint, extraHeaders: Record<string, string>, fixed?: string): Promise<EngineClient> {
    const { secure, options } = connectionOptions(endpoint);
    // node:https is loaded only for those who use it: it costs every other start-up 10 ms.
    const lib = secure ? (process.getBuiltinModule('node:https') as unknown as typeof http) : http;
    // Resumed TLS sessions are refused by some servers that ask for a client certificate.
    const agent = new lib.Agent({ keepAlive: true, ...(secure ? { maxCachedSessions: 0 } : {}) } as AgentOptions);
    const client = new EngineClient(endpoint, { ...options, headers: extraHeaders }, lib.request, agent);
    client.#version = fixed ?? (await client.#negotiate());
    return client;
  }

  get apiVersion(): string {
    return this.#version ?? NEWEST_API;
  }

  get address(): string {
    return this.#endpoint.address;
  }

  async #negotiate(): Promise<string> {
    const reply = await this.#answer(this.#send('HEAD', '/_ping', {})).catch((error: unknown) => {
      throw error instanceof NoEngine ? error : new NoEngine(this.address, error);
    });
    reply.resume();
    const theirs = reply.headers['api-version'];
    if (typeof theirs !== 'string' || theirs === '') return OLDEST_API;
    return compareVersions(theirs, NEWEST_API) < 0 ? theirs : NEWEST_API;
  }

  #send(method: string, path: string, call: CallOptions): ClientRequest {
    const versioned = this.#version === undefined ? path : `/v${this.#version}${path}`;
    const json =
      call.body !== undefined && !isStream(call.body) && !Buffer.isBuffer(call.body) ? Buffer.from(JSON.stringify(call.body)) : undefined;
    const headers: Record<string, string | number> = { ...(this.#options.headers as Record<string, string>), ...call.headers };
    const whole = json ?? (Buffer.isBuffer(call.body) ? call.body : undefined);
    if (json) headers['Content-Type'] = 'application/json';
    if (whole) headers['Content-Length'] = whole.length;
    else if (method === 'POST' && !isStream(call.body)) headers['Content-Length'] = 0;
    const request = this.#request({
      ...this.#options,
      agent: this.#agent,
      method,
      path: versioned + encodeQuery(call.query),
      headers,
      ...(call.signal ? { signal: call.signal } : {}),
    });
    if (isStream(call.body)) {
      const body = call.body;
      body.on('error', (error) => request.destroy(error));
      body.pipe(request);
    } else request.end(whole);
    return request;
  }

  #answer(request: ClientRequest): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      let answered = false;
      request.on('response', (reply) => {
        answered = true;
        resolve(reply);
      });
      request.on('error', (error: NodeJS.ErrnoException) => {
        // A server that refuses an upload closes early; its reply, already here, tells more than the broken pipe.
        if (answered) return;
        const connecting = error.syscall === 'connect' || error.code === 'ECONNRESET';
        reject(
          connecting || error.code?.startsWith('ERR_TLS') || error.code?.startsWith('CERT') ? new NoEngine(this.address, error) : error,
        );
      });
    });
  }

  /** The reply, whose body the caller reads. Throws `EngineRefusal` from status 400 on. */
  async stream(method: string, path: string, call: CallOptions = {}): Promise<IncomingMessage> {
    const reply = await this.#answer(this.#send(method, path, call));
    const status = reply.statusCode ?? 0;
    if (status < 400) return reply;
    throw new EngineRefusal(status, refusalText(await readText(reply), status));
  }

  /** The whole body as text. */
  async text(method: string, path: string, call: CallOptions = {}): Promise<string> {
    return readText(await this.stream(method, path, call));
  }

  /** The parsed JSON body; undefined when it is empty. The shape is the API's promise for `path`, not checked here. */
  async json<T>(method: string, path: string, call: CallOptions = {}): Promise<T> {
    const body = await this.text(method, path, call);
    return (body.trim() === '' ? undefined : parseJson(body)) as T;
  }

  /** Asks to take the connection over. The socket half-closes: `end()` tells the other side that input is over. */
  hijack(path: string, call: CallOptions = {}): Promise<Hijacked> {
    const headers = { ...call.headers, Connection: 'Upgrade', Upgrade: 'tcp' };
    const request = this.#send('POST', path, { ...call, headers });
    return new Promise((resolve, reject) => {
      request.on('upgrade', (reply, socket, head) => {
        if (head.length > 0) socket.unshift(head);
        const type = reply.headers['content-type'] ?? '';
        resolve({ socket, multiplexed: type.includes('multiplexed') });
      });
      this.#answer(request).then(async (reply) => {
        const status = reply.statusCode ?? 0;
        reject(new EngineRefusal(status, refusalText(await readText(reply), status)));
      }, reject);
    });
  }

  /** Lets go of idle connections, so that the process can end. */
  close(): void {
    this.#agent.destroy();
  }
}

export async function readText(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
