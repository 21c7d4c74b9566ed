import assert from 'node:assert/strict';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach } from 'node:test';
import { silentLog, systemClock, unsupported } from '../../../base/index.ts';
import type { Builder } from '../../../build/index.ts';
import type { Disk } from '../../../disk/index.ts';
import { HttpServer } from '../../http/index.ts';
import { createDockerApi } from '../api.ts';
import { fakeEngine } from './fake-engine.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers are read as a client without types reads them
export type Json = any;

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  json: Json;
}

/** A builder that was never used. */
const idleBuilder: Builder = {
  start: () => Promise.resolve(),
  prepare: () => Promise.reject(unsupported('nothing is built here')),
  check: () => Promise.reject(unsupported('nothing is built here')),
  usage: () => Promise.resolve([]),
  scratchSize: () => Promise.resolve(0),
  prune: () => Promise.resolve({ removed: [], spaceReclaimed: 0 }),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

const emptyDisk: Disk = {
  images: () => Promise.resolve({ total: 0, rest: 0, list: [] }),
  containers: () => Promise.resolve([]),
  volumes: () => Promise.resolve([]),
  buildCache: () => Promise.resolve([]),
  ledger: () => Promise.resolve([]),
  budget: () => Promise.resolve(undefined),
  makeRoom: () => Promise.resolve(),
  why: () => Promise.resolve({ subject: 'disk /fake', state: 'no budget', summary: '', decisions: [] }),
  start: () => Promise.resolve(),
  [Symbol.dispose]: () => undefined,
};

/** For tests: the whole dialect on a real socket, with a fake engine behind it. Each test begins without containers. */
export function serveFake() {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-docker-'));
  const socketPath = join(folder, 'api.sock');
  const clock = systemClock();
  const fake = fakeEngine(clock);
  const server = new HttpServer({
    handler: createDockerApi({
      engine: fake.engine,
      builder: idleBuilder,
      disk: emptyDisk,
      scanner: () => Promise.reject(unsupported('nothing is scanned here')),
      clock,
      log: silentLog,
      version: '9.9.9',
    }),
    log: silentLog,
  });

  before(() => server.listen({ kind: 'unix', path: socketPath }));
  after(async () => {
    await server.close();
    rmdirSync(folder);
  });
  beforeEach(() => fake.records.splice(0));

  function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const payload = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
      const sent = request(
        {
          socketPath,
          method,
          path,
          headers: {
            ...(payload === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(payload)) }),
            ...headers,
          },
        },
        (response) => {
          let text = '';
          response.on('data', (data) => (text += data));
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              text,
              json: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : undefined,
            }),
          );
        },
      );
      sent.on('error', reject);
      sent.end(payload);
    });
  }

  async function create(name: string, body: Record<string, unknown> = {}): Promise<string> {
    const answer = await call('POST', `/v1.51/containers/create?name=${name}`, { Image: 'busybox', ...body });
    assert.equal(answer.status, 201, answer.text);
    return answer.json.Id;
  }

  /** Sends `head`; once an answer begins, `typed`, then ends its half. Resolves to all that came. */
  function raw(head: string, typed: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const client = connect({ path: socketPath, allowHalfOpen: true });
      let received = '';
      client.setTimeout(3000, () => client.destroy(new Error('no answer')));
      client.write(head);
      client.on('data', (data) => {
        if (received === '') client.end(typed);
        received += data.toString('latin1');
      });
      client.on('end', () => resolve(received));
      client.on('error', reject);
    });
  }
  return { call, create, raw, fake, clock, socketPath };
}
