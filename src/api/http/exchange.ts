import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import { JSON_LIMIT, readBody, readJson } from './body.ts';
import { detach, hijackHead } from './hijack.ts';

const NO_QUERY = new URLSearchParams();

/** Milliseconds for which the rest of a body that nobody wants is read. */
const LINGER = 5_000;

/** A generator of our own: an error thrown into the request's iterator would destroy the request all the same. */
async function* chunksOf(request: IncomingMessage): AsyncGenerator<Buffer> {
  for await (const chunk of request.iterator({ destroyOnReturn: false })) yield chunk as Buffer;
}

/** One request and its answer. Everything that costs is done when it is asked for. */
export class Exchange {
  /** Its `socket` is null once the request was given up in the middle of its body, whatever the types say. */
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly method: string;
  /** Percent-encoded, without the query. */
  readonly path: string;
  /** The bare connection, when the client asked to take it over (`Upgrade: tcp`, `websocket`, or `h2c` where it is meant). */
  readonly upgrade: Duplex | undefined;
  /** Added to each answer: name, value, name, value … */
  headers: readonly string[] = [];
  #search: string;
  #query: URLSearchParams | undefined;
  #abort: AbortController | undefined;
  #hijacked = false;

  constructor(request: IncomingMessage, response: ServerResponse, upgrade?: Duplex) {
    this.request = request;
    this.response = response;
    this.upgrade = upgrade;
    this.method = request.method ?? 'GET';
    const url = request.url ?? '/';
    const mark = url.indexOf('?');
    this.path = mark === -1 ? url : url.slice(0, mark);
    this.#search = mark === -1 ? '' : url.slice(mark + 1);
  }

  get query(): URLSearchParams {
    this.#query ??= this.#search === '' ? NO_QUERY : new URLSearchParams(this.#search);
    return this.#query;
  }

  /** Aborts when the client goes away before the answer is complete. */
  get signal(): AbortSignal {
    if (!this.#abort) {
      const abort = new AbortController();
      this.#abort = abort;
      const ended = () => {
        if (this.#hijacked || !this.response.writableFinished)
          abort.abort(new DOMException('the client closed the connection', 'AbortError'));
      };
      if (this.request.socket?.destroyed !== false) ended();
      else if (this.upgrade) this.upgrade.once('close', ended);
      else this.response.once('close', ended);
    }
    return this.#abort.signal;
  }

  /** The headers of an answer have left, so that a failure can only be told inside the stream. */
  get started(): boolean {
    return this.#hijacked || this.response.headersSent;
  }

  get hijacked(): boolean {
    return this.#hijacked;
  }

  json(limit = JSON_LIMIT): Promise<Record<string, unknown> | undefined> {
    return readJson(this.request, limit);
  }

  /**
   * The body, for those who may lose interest in the middle of it. Giving up the request itself would take the connection with
   * it, and the client would see its writing break instead of the reason.
   */
  upload(): Readable {
    return Readable.from(chunksOf(this.request), { objectMode: false });
  }

  body(limit: number): Promise<Buffer> {
    return readBody(this.request, limit);
  }

  send(status: number, body: string | Uint8Array, contentType: string, extra: readonly string[] = []): void {
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    this.response.writeHead(status, [...this.headers, ...extra, 'Content-Type', contentType, 'Content-Length', String(length)]);
    this.response.end(this.method === 'HEAD' ? undefined : body);
  }

  /**
   * Answers a request whose body was not read, and closes after it. What is still on its way is taken for a while: a connection
   * closed in the middle of it would break the client's writing before it sees the answer.
   */
  sendUnread(status: number, body: string, contentType: string): void {
    const length = String(Buffer.byteLength(body));
    this.response.writeHead(status, [...this.headers, 'Connection', 'close', 'Content-Type', contentType, 'Content-Length', length]);
    this.response.write(body);
    const finish = () => {
      clearTimeout(patience);
      this.response.end();
    };
    const patience = setTimeout(finish, LINGER);
    this.request.once('close', finish).once('end', finish).resume();
  }

  sendJson(status: number, value: unknown): void {
    this.send(status, `${JSON.stringify(value)}\n`, 'application/json');
  }

  sendEmpty(status: number, extra: readonly string[] = []): void {
    const length = status === 204 || status === 304 ? [] : ['Content-Length', '0'];
    this.response.writeHead(status, [...this.headers, ...extra, ...length]);
    this.response.end();
  }

  /** Starts an answer of unknown length; its headers leave at once. */
  stream(status: number, contentType: string, extra: readonly string[] = []): ServerResponse {
    this.response.writeHead(status, [...this.headers, ...extra, 'Content-Type', contentType]);
    this.response.flushHeaders();
    return this.response;
  }

  /**
   * Makes the connection a raw stream in both directions, after the request's body was read: 101 when the client
   * asked for an upgrade, else 200. Each side may end its direction alone.
   */
  async hijack(contentType: string): Promise<Duplex> {
    if (!this.request.readableEnded) await readBody(this.request, JSON_LIMIT);
    this.signal.throwIfAborted();
    const socket = this.upgrade ? this.takeConnection() : detach(this.request);
    this.#hijacked = true;
    if (!this.upgrade) socket.once('close', () => this.#abort?.abort(new DOMException('the client closed the connection', 'AbortError')));
    socket.write(hijackHead(this.upgrade !== undefined, [...this.headers, 'Content-Type', contentType]));
    return socket;
  }

  /** Gives the bare connection to another protocol, nothing written yet. Only when `upgrade` is set. */
  takeConnection(): Duplex {
    if (!this.upgrade) throw new TypeError('the client asked for no upgrade');
    this.#hijacked = true;
    this.response.detachSocket(this.upgrade as Socket);
    return this.upgrade;
  }
}
