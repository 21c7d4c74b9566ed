import { mkdtempSync, rmSync } from 'node:fs';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Duplex, PassThrough, Writable } from 'node:stream';
import { systemClock } from '../../base/index.ts';
import { runGantry } from '../run.ts';
import type { Surroundings } from '../session.ts';

/** One request that the stand-in engine got. */
export interface Seen {
  readonly method: string;
  /** Without the version. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

export type Answer = (seen: Seen, reply: ServerResponse) => void;

/** An engine whose answers a test writes itself; it listens on a socket in a folder of its own. */
export class StandInEngine implements AsyncDisposable {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'gantry-cli-test-'));
  readonly seen: Seen[] = [];
  /** Takes over a hijacked connection. */
  onUpgrade: (seen: Seen, socket: Duplex) => void = (_seen, socket) => void socket.end();
  readonly #server: http.Server;

  private constructor(answer: Answer) {
    this.#server = http.createServer((request, reply) => this.#take(request, reply, answer));
    this.#server.on('upgrade', (request, socket) => {
      const seen = this.#note(request, Buffer.alloc(0));
      socket.write(
        'HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n',
      );
      this.onUpgrade(seen, socket);
    });
  }

  static async start(answer: Answer): Promise<StandInEngine> {
    const engine = new StandInEngine(answer);
    await new Promise<void>((resolve) => engine.#server.listen(path.join(engine.folder, 'engine.sock'), resolve));
    return engine;
  }

  get address(): string {
    return `unix://${path.join(this.folder, 'engine.sock')}`;
  }

  #note(request: IncomingMessage, body: Buffer): Seen {
    const url = new URL(request.url ?? '/', 'http://engine');
    const seen = {
      method: request.method ?? '',
      path: url.pathname.replace(/^\/v[\d.]+/, ''),
      query: url.searchParams,
      headers: request.headers,
      body,
    };
    if (seen.path !== '/_ping') this.seen.push(seen);
    return seen;
  }

  async #take(request: IncomingMessage, reply: ServerResponse, answer: Answer): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const seen = this.#note(request, Buffer.concat(chunks));
    reply.setHeader('Api-Version', '1.51');
    if (seen.path === '/_ping') reply.end();
    else answer(seen, reply);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Sends `value` as JSON. */
export function sendJson(reply: ServerResponse, value: unknown, status = 200): void {
  reply.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
}

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function collector(): { stream: NodeJS.WriteStream; text: () => string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => Buffer.concat(chunks).toString('utf8') };
}

export interface GantryOptions {
  readonly input?: string;
  readonly env?: Record<string, string>;
  readonly around?: Partial<Surroundings>;
}

/** Runs one command line against `engine` without a terminal. */
export async function gantry(engine: StandInEngine, args: readonly string[], options: GantryOptions = {}): Promise<Outcome> {
  const out = collector();
  const err = collector();
  const stdin = new PassThrough();
  stdin.end(options.input ?? '');
  const code = await runGantry({
    args,
    env: { HOME: engine.folder, GANTRY_HOST: engine.address, ...options.env },
    cwd: engine.folder,
    clock: systemClock(),
    runProgram: async () => ({ code: 127, stdout: '', stderr: 'no such program' }),
    stdout: out.stream,
    stderr: err.stream,
    stdin: () => stdin as unknown as NodeJS.ReadStream,
    onSignal: () => () => {},
    ...options.around,
  });
  return { code, out: out.text(), err: err.text() };
}

/** One frame of a multiplexed stream: 1 is output, 2 is errors. */
export function frame(kind: 1 | 2 | 3, text: string): Buffer {
  const payload = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = kind;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}
