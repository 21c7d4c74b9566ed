import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { suite, test } from 'node:test';
import { GantryError } from '../../base/index.ts';
import { sha256Digest } from './manifest.ts';
import { sendError, TestRegistry } from './testing/registry.ts';
import { onSmallDisk } from './testing/small-disk.ts';
import { TestEngine } from './testing/stores.ts';
import { Uploads } from './testing/uploads.ts';

const TAR = randomBytes(2_000_000);

async function give(engine: TestEngine, name: string): Promise<void> {
  engine.stores.tars.set(sha256Digest(TAR), TAR);
  const config = Buffer.from(
    JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [sha256Digest(TAR)] } }),
  );
  await engine.stores.catalog.put({ config, names: [name], lease: engine.stores.layers.lease() });
}

/** Takes some bytes, and then breaks off; what came is kept by `keep`. */
function breakOff(request: IncomingMessage, bytes: number, keep: (chunk: Buffer) => void): void {
  let taken = 0;
  request.on('data', (chunk: Buffer) => {
    taken += chunk.length;
    keep(chunk);
    if (taken < bytes) return;
    request.pause();
    setTimeout(() => request.destroy(), 20);
  });
}

type Hook = (uploads: Uploads, registry: TestRegistry) => Uploads['hook'];
const redirected =
  (headers: Record<string, string>) =>
  (_: unknown, __: unknown) =>
  (_step: string, _count: number, request: IncomingMessage, response: ServerResponse) =>
    request.method === 'POST' && Boolean(response.writeHead(202, headers).end());

/** Each ends the push with a sentence that names the place, and leaves no file. */
const FAILURES: Record<string, { hook: Hook; says: RegExp }> = {
  'has no room': {
    hook: () => (step, _, __, response) => step === 'patch' && sendError(response, 403, 'DENIED', 'the quota of the project is full'),
    says: /denied: the quota of the project is full/,
  },
  'fails at each upload': {
    hook: () => (step, _, request, response) => step === 'patch' && (request.resume(), sendError(response, 500, 'UNKNOWN', 'broken')),
    says: /Patch "http:\/\/HOST\/v2\/app\/blobs\/uploads\/.*": unknown: broken/,
  },
  'sends uploads to a place that is none': {
    hook: redirected({ location: 'ftp://elsewhere/upload' }),
    says: /HOST wants an upload to go to ftp:/,
  },
  'does not say where uploads go': { hook: redirected({}), says: /HOST opened an upload without saying where/ },
  'keeps a blob under another digest': {
    hook: () => (step, _, request, response) =>
      step === 'commit' &&
      Boolean(request.resume() && response.writeHead(201, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }).end()),
    says: /HOST\/app kept the blob sha256:\w+ as sha256:0{64}/,
  },
  'keeps the manifest under another digest': {
    hook: () => (step, _, request, response) =>
      step === 'manifest' &&
      Boolean(request.resume() && response.writeHead(201, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }).end()),
    says: /HOST\/app kept the manifest of v1 as sha256:0{64} instead of sha256:/,
  },
  'refuses an immutable tag': {
    hook: () => (step, _, request, response) =>
      step === 'manifest' && (request.resume(), sendError(response, 403, 'DENIED', 'the tag v1 is immutable')),
    says: /denied: the tag v1 is immutable/,
  },
  'takes nothing and never answers': { hook: () => (step) => step === 'patch', says: /no answer within|timed? ?out/i },
};

suite('a push to a registry that', { timeout: 60_000 }, () => {
  for (const [what, { hook, says }] of Object.entries(FAILURES)) {
    test(`${what} fails with a sentence and leaves no file`, async () => {
      await using registry = await TestRegistry.start();
      using engine = new TestEngine({ stallTimeout: 300 });
      const uploads = new Uploads(registry);
      uploads.hook = hook(uploads, registry);
      await give(engine, `${registry.host}/app:v1`);
      await assert.rejects(engine.push(`${registry.host}/app:v1`), (error) => {
        assert.ok(error instanceof GantryError, String(error));
        assert.match(error.message, new RegExp(says.source.replace('HOST', registry.host), says.flags));
        return true;
      });
      assert.deepEqual(readdirSync(engine.downloads), []);
    });
  }

  /** Each is overcome: what the registry has in the end is whole. */
  const TROUBLES: Record<string, Hook> = {
    'fails once at the end of an upload': () => (step, count, request, response) =>
      step === 'commit' && count === 1 && (request.resume(), sendError(response, 502, 'UNKNOWN', 'bad gateway')),
    'asks to wait in the middle': () => (step, count, request, response) =>
      step === 'patch' &&
      count === 1 &&
      (request.resume(), sendError(response, 429, 'TOOMANYREQUESTS', 'slow down', { 'retry-after': '1' })),
    'keeps only a part of what it takes': (uploads) => (step, count, request, response) => {
      if (step !== 'patch' || count > 1) return false;
      const [id = '', chunks] = [...uploads.open][0] ?? [];
      const all: Buffer[] = [];
      request
        .on('data', (chunk: Buffer) => all.push(chunk))
        .on('end', () => {
          chunks?.push(Buffer.concat(all).subarray(0, 1_000_000));
          response.writeHead(202, { location: `/v2/app/blobs/uploads/${id}`, range: '0-999999' }).end();
        });
      return true;
    },
    'breaks the connection twice': (uploads) => (step, count, request) => {
      if (step !== 'patch' || count > 2) return false;
      breakOff(request, 500_000, (chunk) => [...uploads.open.values()][0]?.push(chunk));
      return true;
    },
    'is started again and forgets uploads': (uploads, registry) => (step, count, request) => {
      if (step !== 'patch' || count > 1) return false;
      breakOff(request, 500_000, () => {});
      setTimeout(() => {
        uploads.open.clear();
        void registry.restart(20);
      }, 15);
      return true;
    },
    'no longer takes the token': (_, registry) => {
      let good = '';
      let issued = 0;
      return (step, count, request, response) => {
        if (request.url?.startsWith('/token')) {
          good = `t${(issued += 1)}`;
          return Boolean(response.end(JSON.stringify({ token: good, expires_in: 300 })));
        }
        if (request.headers.authorization === `Bearer ${good}` && !(step === 'patch' && count === 1)) return false;
        request.resume();
        return sendError(response, 401, 'UNAUTHORIZED', 'x', {
          'www-authenticate': `Bearer realm="http://${registry.host}/token",service="s",error="invalid_token"`,
        });
      };
    },
  };
  for (const [what, hook] of Object.entries(TROUBLES)) {
    test(`${what} takes it in the end`, async () => {
      await using registry = await TestRegistry.start();
      using engine = new TestEngine();
      using other = new TestEngine();
      const uploads = new Uploads(registry);
      uploads.hook = hook(uploads, registry);
      await give(engine, `${registry.host}/app:v1`);
      await engine.push(`${registry.host}/app:v1`);
      uploads.hook = what === 'no longer takes the token' ? uploads.hook : () => false;
      await other.pull(`${registry.host}/app:v1`);
      assert.ok(other.stores.tars.get(sha256Digest(TAR))?.equals(TAR));
      assert.deepEqual(readdirSync(engine.downloads), []);
    });
  }

  test('has the layer already, as another registry gave it, is sent nothing of it', async () => {
    await using first = await TestRegistry.start();
    await using second = await TestRegistry.start();
    using engine = new TestEngine();
    new Uploads(first);
    const uploads = new Uploads(second);
    await give(engine, `${first.host}/app:v1`);
    await engine.push(`${first.host}/app:v1`);
    for (const [digest, blob] of first.blobs) second.blobs.set(digest, blob);
    await give(engine, `${second.host}/app:v1`);
    await engine.push(`${second.host}/app:v1`);
    assert.deepEqual([uploads.count('begin'), second.manifests.has('app:v1')], [0, true]);
  });

  test('is sent more than our disk has room for, on its way, fails with a sentence and gives the room back', async (context) => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    new Uploads(registry);
    await give(engine, `${registry.host}/app:v1`);
    const tried = await onSmallDisk(engine.downloads, async () => {
      await assert.rejects(engine.push(`${registry.host}/app:v1`), /push of .*\/app:v1 failed: no space left on device/);
      assert.deepEqual(readdirSync(engine.downloads), []);
    });
    if (!tried) context.skip('a small file system cannot be mounted here');
  });

  test('sends uploads to another host gets them there, without the credentials', async () => {
    await using registry = await TestRegistry.start();
    await using storage = await TestRegistry.start();
    using engine = new TestEngine();
    const uploads = new Uploads(registry);
    uploads.origin = `http://${storage.host}`;
    const seen = new Set<string | undefined>();
    storage.intercept = (request, response) => {
      seen.add(request.headers.authorization);
      return uploads.answer(request, response);
    };
    const basic = `Basic ${Buffer.from('anna:secret').toString('base64')}`;
    uploads.hook = (_, __, request, response) =>
      request.headers.host === registry.host &&
      request.headers.authorization !== basic &&
      sendError(response, 401, 'UNAUTHORIZED', 'x', { 'www-authenticate': 'Basic realm="x"' });
    await give(engine, `${registry.host}/app:v1`);
    await engine.push(`${registry.host}/app:v1`, { credentials: { username: 'anna', password: 'secret' } });
    assert.deepEqual([...seen], [undefined]);
    assert.ok(registry.manifests.has('app:v1'));
  });

  test('has many tags of one image gets all with --all-tags, the layers once', async () => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    const uploads = new Uploads(registry);
    for (const tag of ['v2', 'v1']) await give(engine, `${registry.host}/app:${tag}`);
    await engine.push(`${registry.host}/app`, { allTags: true });
    assert.deepEqual(
      [...registry.manifests.keys()].filter((name) => /:v\d$/.test(name)),
      ['app:v1', 'app:v2'],
    );
    assert.equal(uploads.count('patch'), 1);
    await assert.rejects(engine.push(`${registry.host}/app:v1`, { allTags: true }), /tag can't be used with --all-tags/);
    await assert.rejects(engine.push(`${registry.host}/none`, { allTags: true }), /does not exist locally/);
  });
});
