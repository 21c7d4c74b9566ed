import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { suite, test } from 'node:test';
import { GantryError } from '../../base/index.ts';
import { MEDIA, sha256Digest } from './manifest.ts';
import { makeImage, sendError, type TestImage, TestRegistry } from './testing/registry.ts';
import { onSmallDisk } from './testing/small-disk.ts';
import { TestEngine } from './testing/stores.ts';
import { readBody, Transport } from './transport.ts';

const layerOf = (image: TestImage) => image.layers[0] ?? Buffer.alloc(0);
const isLayer = (request: IncomingMessage, image: TestImage) => request.url?.includes(sha256Digest(layerOf(image))) === true;
const isManifest = (request: IncomingMessage) => request.url?.includes('/manifests/') === true;

type Intercept = (request: IncomingMessage, response: ServerResponse, image: TestImage, registry: TestRegistry) => boolean | undefined;

/** Each ends the pull with a sentence that names the place, at once, and leaves nothing of the image. HOST stands for the registry. */
const FAILURES: Record<string, { intercept: Intercept; says: RegExp | string; stallTimeout?: number; atMost?: number }> = {
  'answers 500 to everything': {
    intercept: (request, response) => request.url !== '/v2/' && sendError(response, 500, 'UNKNOWN', 'the disk of the registry is broken'),
    says: 'Get "http://HOST/v2/app/manifests/latest": unknown: the disk of the registry is broken',
  },
  'asks for a pause of an hour': {
    intercept: (request, response, image) =>
      isLayer(request, image) && sendError(response, 429, 'TOOMANYREQUESTS', 'you have reached your limit', { 'retry-after': '3600' }),
    says: /blobs\/sha256:\w+": toomanyrequests: you have reached your limit/,
    atMost: 1,
  },
  'never answers for a manifest': {
    intercept: (request) => isManifest(request),
    says: 'Get "http://HOST/v2/app/manifests/latest": no answer within',
    stallTimeout: 50,
  },
  'has no such layer': {
    intercept: (request, response, image) =>
      isLayer(request, image) && sendError(response, 404, 'BLOB_UNKNOWN', 'blob unknown to registry'),
    says: /Get "http:\/\/HOST\/v2\/app\/blobs\/sha256:\w+": blob unknown/,
    atMost: 1,
  },
  'sends a web page as the manifest': {
    intercept: (request, response) => {
      if (!isManifest(request)) return false;
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Please log in to this network</html>');
      return true;
    },
    says: /broken manifest for HOST\/app:latest: it is not JSON/,
  },
  'says that the manifest has another digest': {
    intercept: (request, response, image) => {
      if (!isManifest(request)) return false;
      response
        .writeHead(200, { 'content-type': MEDIA.dockerManifest, 'docker-content-digest': `sha256:${'0'.repeat(64)}` })
        .end(image.manifest);
      return true;
    },
    says: /manifest verification failed for digest sha256:0{64}: HOST\/app sent a manifest with the digest sha256:/,
  },
  'sends other bytes than the digest says': {
    intercept: (request, response, image) => isLayer(request, image) && Boolean(response.end(Buffer.alloc(layerOf(image).length, 1))),
    says: /filesystem layer verification failed for digest sha256:\w+: HOST\/app sent bytes with the digest sha256:/,
  },
  'sends more bytes than the manifest says': {
    intercept: (request, response, image) =>
      isLayer(request, image) && Boolean(response.end(Buffer.concat([layerOf(image), layerOf(image)]))),
    says: /HOST\/app sent more bytes for sha256:\w+ than the \d+ that its manifest says/,
    atMost: 1,
  },
  'always ends a layer too early': {
    intercept: (request, response, image) =>
      isLayer(request, image) && Boolean(response.writeHead(200).end(layerOf(image).subarray(0, 10))),
    says: /HOST\/app ended sha256:\w+ after 10 of \d+ bytes/,
  },
  'resumes at another byte': {
    intercept: (request, response, image) => {
      if (!isLayer(request, image)) return false;
      if (request.headers.range) response.writeHead(206, { 'content-range': `bytes 5-9/${layerOf(image).length}` }).end('wrong');
      else
        response
          .writeHead(200, { 'content-length': layerOf(image).length })
          .write(layerOf(image).subarray(0, 20), () => response.destroy());
      return true;
    },
    says: /HOST\/app sent another part of sha256:\w+ than was asked for: bytes 5-9/,
  },
  'redirects to a file': {
    intercept: (request, response, image) =>
      isLayer(request, image) && Boolean(response.writeHead(307, { location: 'file:///etc/passwd' }).end()),
    says: /redirected to "file:\/\/\/etc\/passwd", which is not a web address/,
  },
  'redirects in a circle': {
    intercept: (request, response, image) => isLayer(request, image) && Boolean(response.writeHead(302, { location: request.url }).end()),
    says: /stopped after 5 redirects/,
  },
  'speaks something else than HTTP': {
    intercept: (request) => isManifest(request) && Boolean(request.socket.end('+OK POP3 ready\r\n')),
    says: /the answer is not HTTP/,
  },
  'sends headers without end': {
    intercept: (request) => isManifest(request) && Boolean(request.socket.end(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(200_000)}\r\n\r\n`)),
    says: /Get "http:\/\/HOST\/v2\/app\/manifests\/latest": the answer is not HTTP/,
  },
};

suite('a pull from a registry that', { timeout: 60_000 }, () => {
  for (const [what, { intercept, says, stallTimeout, atMost }] of Object.entries(FAILURES)) {
    test(`${what} fails with a sentence and leaves nothing`, async () => {
      await using registry = await TestRegistry.start();
      using engine = new TestEngine(stallTimeout === undefined ? {} : { stallTimeout });
      const image = makeImage([randomBytes(3000)]);
      registry.add('app', 'latest', image);
      registry.intercept = (request, response) => intercept(request, response, image, registry);
      const expected =
        typeof says === 'string' ? says.replace('HOST', registry.host) : new RegExp(says.source.replace('HOST', registry.host));
      await assert.rejects(engine.pull(`${registry.host}/app`), (error) => {
        assert.ok(error instanceof GantryError, String(error));
        if (typeof expected === 'string') assert.ok(error.message.includes(expected), error.message);
        else assert.match(error.message, expected);
        return true;
      });
      const { tars, images, unpacking } = engine.stores;
      assert.deepEqual([tars.size, images.size, unpacking], [0, 0, 0]);
      if (atMost !== undefined)
        assert.ok(registry.count(new RegExp(sha256Digest(layerOf(image)))) <= atMost, 'it was asked again and again');
    });
  }

  const indexes: Record<string, { manifests: (entry: object) => unknown; says: RegExp }> = {
    'an entry of another size': {
      manifests: (entry) => [{ ...entry, size: 7 }],
      says: /says that the manifest sha256:\w+ has 7 bytes, but .*\/app sent \d+/,
    },
    'no entries': { manifests: () => [], says: /no matching manifest for linux\/\w+ .*offers|no matching manifest/ },
    'entries that are no objects': { manifests: () => ['x', 1, null], says: /manifests\[0\] is missing/ },
    'itself as an entry': {
      manifests: (entry) => [{ ...entry, mediaType: MEDIA.ociIndex, digest: `sha256:${'1'.repeat(64)}` }],
      says: /manifest unknown|not found/,
    },
    'six thousand entries': {
      manifests: (entry) => Array.from({ length: 6000 }, () => entry),
      says: /manifests is not a list of at most 5000/,
    },
  };
  for (const [what, { manifests, says }] of Object.entries(indexes)) {
    test(`has an index with ${what} fails with a sentence`, async () => {
      await using registry = await TestRegistry.start();
      using engine = new TestEngine();
      const image = makeImage([randomBytes(300)]);
      const entry = {
        mediaType: MEDIA.dockerManifest,
        digest: registry.add('app', 'inner', image),
        size: image.manifest.length,
        platform: { os: 'linux', architecture: 'amd64' },
      };
      const body = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: manifests(entry) });
      registry.addManifest('app', 'latest', Buffer.from(body), MEDIA.ociIndex);
      await assert.rejects(engine.pull(`${registry.host}/app`, { platform: 'linux/amd64' }), says);
      assert.equal(engine.stores.images.size, 0);
    });
  }

  test('lists the same page of tags for ever is left', async () => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    registry.intercept = (request, response) =>
      request.url?.includes('/tags/list') === true &&
      Boolean(response.writeHead(200, { link: '</v2/app/tags/list?n=1>; rel="next"' }).end('{"tags":["a"]}'));
    await assert.rejects(engine.pull(`${registry.host}/app`, { allTags: true }), /the list of tags of .*\/app does not end/);
  });

  test('takes back a token in the middle is asked for a new one', async () => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    const image = makeImage([randomBytes(3000)]);
    registry.add('app', 'latest', image);
    let issued = 0;
    let good = '';
    registry.intercept = (request, response) => {
      if (request.url?.startsWith('/token')) {
        good = `t${(issued += 1)}`;
        return Boolean(response.end(JSON.stringify({ token: good, expires_in: 300 })));
      }
      // The first token is good for the manifest only.
      const spent = isLayer(request, image) && good === 't1';
      if (request.headers.authorization === `Bearer ${good}` && !spent) return false;
      return sendError(response, 401, 'UNAUTHORIZED', 'x', {
        'www-authenticate': `Bearer realm="http://${registry.host}/token",service="s"`,
      });
    };
    await engine.pull(`${registry.host}/app`);
    assert.equal(issued, 2);
  });

  test('sends more than the disk has room for fails with a sentence and gives the room back', async (context) => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    registry.add('app', 'latest', makeImage([randomBytes(3_000_000)]));
    const tried = await onSmallDisk(engine.downloads, async () => {
      await assert.rejects(engine.pull(`${registry.host}/app`), /no space left on device/);
      assert.deepEqual([engine.stores.images.size, readdirSync(engine.downloads)], [0, []]);
    });
    if (!tried) context.skip('a small file system cannot be mounted here');
  });

  test('sends a byte now and then is not listened to for ever', async () => {
    await using registry = await TestRegistry.start();
    registry.intercept = (_, response) => {
      const drip = setInterval(() => response.write(' '), 10);
      response.on('close', () => clearInterval(drip));
      return true;
    };
    const transport = new Transport({ certificateFolders: [], userAgent: 'test', stallTimeout: 2000 });
    const url = new URL(`http://${registry.host}/v2/app/manifests/latest`);
    const response = await transport.request({ method: 'GET', url, insecure: true, signal: AbortSignal.timeout(20_000) });
    await assert.rejects(readBody(response, 1000, 100), /127\.0\.0\.1:\d+ did not end a short answer within 0\.1 seconds/);
    transport.close();
  });

  test('is killed and started again in the middle of a layer is waited for', async () => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    const image = makeImage([randomBytes(300_000)]);
    registry.add('app', 'latest', image);
    let restarting: Promise<void> | undefined;
    registry.intercept = (request, response) => {
      if (!isLayer(request, image) || restarting) return false;
      response.writeHead(200, { 'content-length': layerOf(image).length });
      response.write(layerOf(image).subarray(0, 100_000), () => {
        restarting = registry.restart(20);
      });
      return true;
    };
    await engine.pull(`${registry.host}/app`);
    await restarting;
    assert.equal(engine.stores.images.size, 1);
    assert.deepEqual(readdirSync(engine.downloads), []);
  });
});
