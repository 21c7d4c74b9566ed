import { once } from 'node:events';
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import { invalid, type Log } from '../../../base/index.ts';
import type { Message, Sparse } from '../wire/codec.ts';
import { frame, MAXIMUM_MESSAGE, unframe } from './framing.ts';
import { CODE, type Detail, type Status, statusOf, trailersOf } from './status.ts';

/** One call of a client. */
export interface Call {
  metadata: IncomingHttpHeaders;
  /** Aborts when the client cancels the call or is gone. */
  signal: AbortSignal;
}

/** Answers one request message with any number of messages. */
export type Method = (request: Buffer, call: Call) => AsyncIterable<Buffer>;

export function unary<Q, A>(
  request: Message<Q>,
  answer: Message<A>,
  run: (request: Q, call: Call) => Sparse<A> | Promise<Sparse<A>>,
): Method {
  return async function* (data, call) {
    yield answer.encode(await run(request.decode(data), call));
  };
}

export function streaming<Q, A>(
  request: Message<Q>,
  answer: Message<A>,
  run: (request: Q, call: Call) => AsyncIterable<Sparse<A>>,
): Method {
  return async function* (data, call) {
    for await (const message of run(request.decode(data), call)) yield answer.encode(message);
  };
}

export interface GrpcServerOptions {
  /** By path: `/package.Service/Method`. */
  methods: ReadonlyMap<string, Method>;
  details: (error: unknown) => readonly Detail[];
  log: Log;
}

const HEAD = { ':status': 200, 'content-type': 'application/grpc' } as const;
const SETTINGS = { initialWindowSize: 1024 * 1024, maxFrameSize: 1024 * 1024, maxConcurrentStreams: 250 };

/** gRPC over connections that were made elsewhere: all of BuildKit's control calls come so. */
export class GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #server: Http2Server;

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    this.#server = process.getBuiltinModule('node:http2').createServer({ settings: SETTINGS });
    this.#server.on('stream', (stream, headers) => void this.#serve(stream as ServerHttp2Stream, headers));
    // Probes: connections that are opened and closed without a word.
    this.#server.on('sessionError', (error) => options.log.debug('a gRPC connection broke', { error: error.message }));
    this.#server.on('timeout', () => {});
  }

  /** Nothing of HTTP/2 may have been read from the connection. */
  take(connection: Duplex): void {
    connection.on('error', () => connection.destroy());
    // The other half closed: nobody can hear an answer (clients never half-close a control connection).
    connection.once('end', () => connection.destroy());
    this.#server.emit('connection', connection);
  }

  async #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    const abort = new AbortController();
    stream.once('close', () => abort.abort(new DOMException('the client cancelled the call', 'AbortError')));
    stream.on('error', () => {});
    const path = String(headers[':path'] ?? '');
    let status: Status = { code: CODE.ok, message: '', details: [] };
    try {
      const method = this.#options.methods.get(path);
      if (!method) {
        status = { code: CODE.unimplemented, message: `unknown method ${path}`, details: [] };
      } else {
        const request = await onlyMessage(stream);
        for await (const message of method(request, { metadata: headers, signal: abort.signal })) await send(stream, message, abort.signal);
      }
    } catch (error) {
      status = statusOf(error, this.#options.details);
      if (error instanceof TypeError)
        this.#options.log.error('a gRPC call failed', { method: path, error: error.message, stack: error.stack });
      else if (!abort.signal.aborted)
        this.#options.log.debug('a gRPC call failed', { method: path, code: status.code, error: status.message });
    }
    finish(stream, status);
  }
}

async function onlyMessage(stream: ServerHttp2Stream): Promise<Buffer> {
  const iterator = stream.iterator({ destroyOnReturn: false });
  for await (const message of unframe(iterator)) {
    // What follows is not wanted, but the window has to stay open.
    stream.resume();
    return message;
  }
  throw invalid(`the call has no message of at most ${MAXIMUM_MESSAGE} bytes`);
}

async function send(stream: ServerHttp2Stream, message: Buffer, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (!stream.headersSent) stream.respond(HEAD, { waitForTrailers: true });
  if (!stream.write(frame(message))) await once(stream, 'drain', { signal });
}

function finish(stream: ServerHttp2Stream, status: Status): void {
  if (stream.destroyed || stream.closed) return;
  stream.resume();
  const trailers = trailersOf(status);
  if (!stream.headersSent) {
    // Without a message, head and trailers are one.
    stream.respond({ ...HEAD, ...trailers }, { endStream: true });
    return;
  }
  stream.once('wantTrailers', () => stream.sendTrailers(trailers));
  stream.end();
}
