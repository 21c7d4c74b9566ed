import { once } from 'node:events';
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import { type Duplex, PassThrough } from 'node:stream';
import { GantryError } from '../../../base/index.ts';
import type { Message, Sparse } from '../wire/codec.ts';
import { frame, unframe } from './framing.ts';
import { type Status, StatusError, statusFrom } from './status.ts';

/** Windows for contexts: with the default ones a large file takes a third longer. */
const STREAM_WINDOW = 8 * 1024 * 1024;
const CONNECTION_WINDOW = 16 * 1024 * 1024;
const MAXIMUM_FRAME = 1024 * 1024;

export type Metadata = Readonly<Record<string, string | readonly string[]>>;

/** gRPC to whoever is at the other end of a connection that it made to us. */
export class GrpcClient {
  readonly #session: ClientHttp2Session;
  readonly #gone = new AbortController();

  /** Nothing of HTTP/2 may have been read from the connection or written to it. */
  constructor(connection: Duplex) {
    const session = process.getBuiltinModule('node:http2').connect('http://localhost', {
      createConnection: () => connection,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW, maxFrameSize: MAXIMUM_FRAME },
    });
    this.#session = session;
    const leave = () => {
      if (!this.#gone.signal.aborted) this.#gone.abort(new GantryError('unavailable', 'the client closed its build session'));
      session.destroy();
      connection.destroy();
    };
    session.once('connect', () => session.setLocalWindowSize(CONNECTION_WINDOW));
    for (const event of ['close', 'error', 'goaway'] as const) session.on(event, leave);
    for (const event of ['close', 'end', 'error'] as const) connection.on(event, leave);
  }

  /** Aborts when the other side is gone. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  close(): void {
    this.#session.destroy();
  }

  open(method: string, metadata: Metadata, signal: AbortSignal): ClientCall {
    this.#gone.signal.throwIfAborted();
    signal.throwIfAborted();
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': method,
      te: 'trailers',
      'content-type': 'application/grpc',
      ...(metadata as OutgoingHttpHeaders),
    });
    return new ClientCall(stream, method, AbortSignal.any([signal, this.#gone.signal]));
  }

  /** One message there, one back. */
  async ask<Q, A>(method: string, types: readonly [Message<Q>, Message<A>], question: Sparse<Q>, signal: AbortSignal): Promise<A> {
    await using call = this.open(method, {}, signal);
    await call.send(types[0].encode(question));
    call.end();
    let answer: A | undefined;
    for await (const message of call.messages()) answer ??= types[1].decode(message);
    if (answer === undefined) throw new GantryError('unavailable', `the client gave no answer to ${method}`);
    return answer;
  }
}

/** One call in progress. Leaving its scope cancels what is left of it. */
export class ClientCall implements AsyncDisposable {
  readonly #stream: ClientHttp2Stream;
  /** Takes in what comes from the first moment on: an HTTP/2 stream that closed before anyone read of it counts as broken off. */
  readonly #incoming = new PassThrough();
  readonly #method: string;
  readonly #signal: AbortSignal;
  readonly #stop: () => void;
  #status: Status | undefined;
  #failure: Error | undefined;

  constructor(stream: ClientHttp2Stream, method: string, signal: AbortSignal) {
    this.#stream = stream;
    this.#method = method;
    this.#signal = signal;
    this.#stop = () => stream.close(CANCEL);
    signal.addEventListener('abort', this.#stop, { once: true });
    if (signal.aborted) this.#stop();
    const note = (headers: Parameters<typeof statusFrom>[0]) => {
      this.#status ??= statusFrom(headers);
    };
    stream.on('response', note);
    stream.on('trailers', note);
    stream.on('error', (error) => {
      this.#failure = error;
    });
    this.#incoming.on('error', () => {});
    stream.pipe(this.#incoming);
    stream.once('close', () => {
      signal.removeEventListener('abort', this.#stop);
      if (!stream.readableEnded) this.#incoming.destroy(this.#failure ?? new Error('the stream was closed'));
    });
  }

  /** Resolves when there is room for more. */
  async send(message: Uint8Array): Promise<void> {
    this.#check();
    if (this.#stream.write(frame(message))) return;
    await Promise.race([once(this.#stream, 'drain'), once(this.#stream, 'close')]);
    this.#check();
  }

  /** No more messages from us. */
  end(): void {
    this.#stream.end();
  }

  /** Fails with a `StatusError` when the call ended with a status other than OK. */
  async *messages(): AsyncGenerator<Buffer> {
    try {
      yield* unframe(this.#incoming);
    } catch (error) {
      this.#check();
      throw error instanceof GantryError ? error : this.#broken(error);
    }
    this.#check();
    if (this.#status === undefined) throw this.#broken(this.#failure);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#stream.closed) this.#stream.close(CANCEL);
  }

  #check(): void {
    this.#signal.throwIfAborted();
    if (this.#status && this.#status.code !== 0) throw new StatusError(this.#status);
    if (this.#stream.destroyed && this.#status === undefined) throw this.#broken(this.#failure);
  }

  #broken(cause: unknown): GantryError {
    return new GantryError('unavailable', `the client broke off ${this.#method}`, { cause });
  }
}

/** HTTP/2's error code for "no longer wanted". */
const CANCEL = 8;
