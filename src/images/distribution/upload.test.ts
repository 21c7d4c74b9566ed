import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { test } from 'node:test';
import { sha256Digest } from './manifest.ts';
import { sendError, TestRegistry } from './testing/registry.ts';
import { TestEngine } from './testing/stores.ts';

/** Takes uploads and keeps what arrived of a request that broke off. `cut` says after how many bytes the n-th one breaks. */
function takeUploads(registry: TestRegistry, cut: (patch: number) => number | undefined): { received: Buffer[]; ranges: string[] } {
  const received: Buffer[] = [];
  const ranges: string[] = [];
  const size = () => received.reduce((sum, chunk) => sum + chunk.length, 0);
  let patches = 0;
  const patch = (request: IncomingMessage, response: ServerResponse) => {
    const limit = cut((patches += 1));
    let bytes = 0;
    request.on('error', () => {});
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      received.push(chunk);
      if (limit === undefined || bytes < limit) return;
      request.pause();
      setTimeout(() => request.destroy(), 30);
    });
    request.on('end', () => response.writeHead(202, { location: '/v2/app/blobs/uploads/1?state=b' }).end());
  };
  registry.intercept = (request, response) => {
    const path = request.url ?? '';
    if (request.method === 'HEAD') response.writeHead(404).end();
    else if (request.method === 'POST') response.writeHead(202, { location: '/v2/app/blobs/uploads/1?state=a' }).end();
    else if (request.method === 'PATCH') patch(request, response);
    else if (request.method === 'PUT' && path.includes('/blobs/')) request.resume().on('end', () => response.writeHead(201).end());
    else if (request.method === 'PUT') request.resume().on('end', () => response.writeHead(201).end());
    else if (path.includes('/uploads/')) {
      ranges.push(`0-${size() - 1}`);
      response.writeHead(204, { range: ranges.at(-1), location: path }).end();
    } else return false;
    return true;
  };
  return { received, ranges };
}

async function give(engine: TestEngine, name: string, tar: Buffer): Promise<void> {
  engine.stores.tars.set(sha256Digest(tar), tar);
  const config = Buffer.from(JSON.stringify({ rootfs: { diff_ids: [sha256Digest(tar)] } }));
  await engine.stores.catalog.put({ config, names: [name], lease: engine.stores.layers.lease() });
}

test('an upload whose connection breaks goes on at the byte that the registry has', { timeout: 20_000 }, async () => {
  await using registry = await TestRegistry.start();
  using engine = new TestEngine();
  const { received, ranges } = takeUploads(registry, (patch) => (patch < 3 ? 700_000 : undefined));
  await give(engine, `${registry.host}/app:v1`, randomBytes(2_000_000));
  await engine.push(`${registry.host}/app:v1`);
  assert.equal(ranges.length, 2);
  const committed = registry.requests.find((request) => request.startsWith('PUT') && request.includes('state=b'));
  assert.equal(new URL(committed?.slice(4) ?? '', 'http://x').searchParams.get('digest'), sha256Digest(Buffer.concat(received)));
});

test('a registry that never takes an upload is given up with its words', { timeout: 20_000 }, async () => {
  await using registry = await TestRegistry.start();
  using engine = new TestEngine();
  await give(engine, `${registry.host}/app:v1`, randomBytes(2_000));
  registry.intercept = (request, response) =>
    request.url !== '/v2/' && sendError(response, request.method === 'HEAD' ? 404 : 507, 'TOOBIG', 'quota of the project exceeded');
  await assert.rejects(engine.push(`${registry.host}/app:v1`), /quota of the project exceeded/);
});
