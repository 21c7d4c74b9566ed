import type { IncomingMessage, RequestListener, Server } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, type Log } from '../../base/index.ts';
import { formatAddress, type ListenAddress } from './address.ts';
import { Exchange } from './exchange.ts';
import { clearStaleSocket, listenOnSocket } from './socket-file.ts';

// A static import would read every export of node:http, WebSocket among them, and so load a whole HTTP client:
// 16 MB and 40 ms that the daemon has no use for.
const { createServer, ServerResponse } = process.getBuiltinModule('node:http');

export type Handler = (exchange: Exchange) => void | Promise<void>;

/** PEM texts. With `ca`, clients must show a certificate that it signed; without, they prove themselves otherwise (a registry's tokens). */
export interface TlsMaterial {
  ca?: string | Buffer;
  cert: string | Buffer;
  key: string | Buffer;
}

export interface HttpServerOptions {
  /** Answers everything, failures too; one that it throws all the same is logged and closes the connection. */
  handler: Handler;
  log: Log;
  /** Name or number of the group that may use unix sockets. */
  group?: string;
  /** Milliseconds without a byte after which a connection is closed. None unless told. */
  idleTimeout?: number;
  /** Connections beyond this number are closed at once. No bound unless told. */
  maxConnections?: number;
}

/** Protocols for which a connection is handed over; others are answered as plain requests. */
const UPGRADES = /^(tcp|websocket)$/i;
/** Clients offer `h2c` to all servers, but mean it at these two calls alone: they speak HTTP/2 from the next byte on (BuildKit). */
const HTTP2_CALLS = /^(\/v\d+\.\d+)?\/(grpc|session)$/;

function isHandedOver({ headers, method, url }: IncomingMessage): boolean {
  const wanted = headers.upgrade ?? '';
  return UPGRADES.test(wanted) || (method === 'POST' && wanted.toLowerCase() === 'h2c' && HTTP2_CALLS.test(url ?? ''));
}

/** An idle connection is kept this long: clients that poll once a minute need no new one. */
const KEEP_ALIVE_MS = 90_000;

/** One handler on any number of addresses. */
export class HttpServer implements AsyncDisposable {
  readonly #options: HttpServerOptions;
  readonly #servers: (Server | SecureServer)[] = [];
  readonly #hijacked = new Set<Duplex>();

  constructor(options: HttpServerOptions) {
    this.#options = options;
  }

  /** Resolves to the address in use (port 0 becomes a real one) when connections are accepted. */
  async listen(address: ListenAddress, tls?: TlsMaterial): Promise<ListenAddress> {
    if (address.kind === 'unix') await clearStaleSocket(address.path);
    const server = this.#create(tls);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(new Error(`cannot listen on ${formatAddress(address)}: ${error.message}`, { cause: error })));
      server.once('listening', resolve);
      if (address.kind === 'unix') listenOnSocket(server, address.path, this.#options.group);
      else server.listen({ host: address.host, port: address.port });
    });
    this.#servers.push(server);
    if (address.kind === 'unix') return address;
    return { ...address, port: (server.address() as AddressInfo).port };
  }

  /** Another certificate for connections that come from now on; those that are open keep theirs. Throws when it is none. */
  renewTls(tls: TlsMaterial): void {
    for (const server of this.#servers) if ('setSecureContext' in server) server.setSecureContext({ ...tls, minVersion: 'TLSv1.2' });
  }

  /** Stops listening, lets answers in progress end for `graceMs`, then closes every connection. */
  async close(graceMs = 0): Promise<void> {
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const server of this.#servers) server.closeIdleConnections();
    const cut = () => {
      for (const server of this.#servers) server.closeAllConnections();
      for (const stream of this.#hijacked) stream.destroy();
    };
    if (graceMs <= 0) cut();
    const timer = setTimeout(cut, graceMs);
    await Promise.all(closed);
    clearTimeout(timer);
    this.#servers.length = 0;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #create(tls: TlsMaterial | undefined): Server | SecureServer {
    const options = {
      noDelay: true,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // Uploads of images take as long as they take.
      requestTimeout: 0,
      // Filters with many labels and credentials for many registries travel in the head.
      maxHeaderSize: 256 * 1024,
      headersTimeout: 30_000,
      shouldUpgradeCallback: isHandedOver,
    };
    const onRequest: RequestListener = (request, response) => this.#handle(new Exchange(request, response));
    let server: Server | SecureServer;
    if (tls) {
      // TLS costs memory: it is loaded when it is used.
      const https = process.getBuiltinModule('node:https');
      server = https.createServer(
        // Half-open as plain connections are: a client that ended its half of a hijacked stream still reads.
        {
          ...options,
          ...tls,
          allowHalfOpen: true,
          requestCert: tls.ca !== undefined,
          rejectUnauthorized: tls.ca !== undefined,
          minVersion: 'TLSv1.2',
        },
        onRequest,
      );
    } else {
      server = createServer(options, onRequest);
    }
    const { idleTimeout, maxConnections } = this.#options;
    if (idleTimeout !== undefined) server.setTimeout(idleTimeout);
    if (maxConnections !== undefined) server.maxConnections = maxConnections;
    server.on('upgrade', (request, stream, head) => this.#upgrade(request, stream, head));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => refuse(error, socket));
    return server;
  }

  /** `stream` is the socket, or a wrapper of node's that holds it back until the body was read; `head` came with the request. */
  #upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    this.#hijacked.add(stream);
    stream.once('close', () => this.#hijacked.delete(stream));
    // Without a listener a reset by the client would end the process; the exchange's signal tells of it.
    stream.on('error', () => {});
    if (head.length > 0) stream.unshift(head);
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    // Node itself assigns such streams; its types know of sockets only.
    response.assignSocket(stream as Socket);
    response.once('finish', () => stream.end());
    this.#handle(new Exchange(request, response, stream));
  }

  #handle(exchange: Exchange): void {
    let result: void | Promise<void>;
    try {
      result = this.#options.handler(exchange);
    } catch (error) {
      this.#failed(exchange, error);
      return;
    }
    if (result) result.catch((error: unknown) => this.#failed(exchange, error));
  }

  #failed(exchange: Exchange, error: unknown): void {
    this.#options.log.error('a request was not answered', { method: exchange.method, path: exchange.path, error: describe(error) });
    exchange.request.socket?.destroy();
  }
}

/** The answer to bytes that are not HTTP. */
function refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
  const body = `${JSON.stringify({ message: `not a valid HTTP request: ${error.message}` })}\n`;
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
