import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { isKind } from '../../base/index.ts';
import { MEDIA, sha256Digest } from './manifest.ts';
import { makeImage, sendError, TestRegistry } from './testing/registry.ts';
import { TestEngine } from './testing/stores.ts';

const small = () => makeImage([Buffer.from('first layer'), Buffer.from('second layer')]);
const short = (blob: Buffer | undefined) => sha256Digest(blob ?? Buffer.alloc(0)).slice(7, 19);

suite('pull', { timeout: 30_000 }, () => {
  test('pull() reports in the words and the order of Docker, and a second one that nothing changed', async () => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    const image = small();
    const digest = registry.add('team/app', 'v1', image);
    const name = `${registry.host}/team/app:v1`;
    const record = await engine.pull(name);
    assert.equal(record.id, sha256Digest(image.config));
    const [one, two] = image.layers.map(short);
    const lines = engine.lines();
    assert.deepEqual(lines.slice(0, 3), ['v1: Pulling from team/app', `${one}: Pulling fs layer`, `${two}: Pulling fs layer`]);
    assert.deepEqual(
      lines.filter((line) => line.startsWith(`${one}:`)).map((line) => line.slice(14)),
      ['Pulling fs layer', 'Downloading', 'Verifying Checksum', 'Download complete', 'Extracting', 'Pull complete'],
    );
    assert.deepEqual(lines.slice(-2), [`Digest: ${digest}`, `Status: Downloaded newer image for ${name}`]);
    assert.deepEqual(engine.stores.tars.get(image.diffIds[1] ?? ''), Buffer.from('second layer'));
    assert.deepEqual(readdirSync(engine.downloads), []);

    engine.events.length = 0;
    await engine.pull(name);
    assert.deepEqual(engine.lines(), ['v1: Pulling from team/app', `Digest: ${digest}`, `Status: Image is up to date for ${name}`]);
    assert.equal((await engine.pull(`${registry.host}/team/app@${digest}`)).id, record.id);
  });

  test('pull() shows layers that are there as such and fetches only the others', async () => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    registry.add('a', 'latest', small());
    const larger = makeImage([Buffer.from('first layer'), Buffer.from('third layer')]);
    registry.add('b', 'latest', larger);
    await engine.pull(`${registry.host}/a`);
    engine.events.length = 0;
    await engine.pull(`${registry.host}/b`);
    assert.ok(engine.lines().includes(`${short(larger.layers[0])}: Already exists`));
    assert.equal(registry.count(new RegExp(`blobs/${sha256Digest(larger.layers[0] ?? Buffer.alloc(0))}`)), 1);
  });

  test('pull() takes zstd layers and layers that are not compressed', async () => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    registry.add(
      'zstd',
      'latest',
      makeImage([randomBytes(5000)], {
        compress: (tar) => zstdCompressSync(tar),
        mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd',
      }),
    );
    registry.add(
      'plain',
      'latest',
      makeImage([randomBytes(5000)], { compress: (tar) => tar, mediaType: 'application/vnd.oci.image.layer.v1.tar' }),
    );
    await engine.pull(`${registry.host}/zstd`);
    await engine.pull(`${registry.host}/plain`);
    assert.equal(engine.stores.tars.size, 2);
  });

  test('pull() chooses from an index by platform, and names what there is when none fits', async () => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    const images = {
      amd64: makeImage([Buffer.from('x86 layer')]),
      arm64: makeImage([Buffer.from('arm layer')], { platform: { architecture: 'arm64' } }),
    };
    const entries = Object.entries(images).map(([architecture, image]) => ({
      mediaType: MEDIA.dockerManifest,
      digest: registry.add('multi', architecture, image),
      size: image.manifest.length,
      platform: { os: 'linux', architecture },
    }));
    const index = registry.addManifest(
      'multi',
      'latest',
      Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: entries })),
      MEDIA.ociIndex,
    );
    const name = `${registry.host}/multi`;
    assert.equal((await engine.pull(name, { platform: 'linux/arm64/v8' })).id, sha256Digest(images.arm64.config));
    assert.ok(engine.lines().includes(`Digest: ${index}`));
    assert.equal((await engine.pull(name, { platform: 'linux/amd64' })).id, sha256Digest(images.amd64.config));
    await assert.rejects(
      engine.pull(name, { platform: 'linux/s390x' }),
      (error) => isKind(error, 'notFound') && /no matching manifest for linux\/s390x in the manifest list entries/.test(String(error)),
    );
    await assert.rejects(
      engine.pull(`${name}:arm64`, { platform: 'linux/amd64' }),
      /its platform \(linux\/arm64\) does not match the specified platform \(linux\/amd64\)/,
    );
  });

  test('pull() with allTags takes every tag', async () => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    registry.add('app', 'one', makeImage([Buffer.from('layer one')]));
    registry.add('app', 'two', makeImage([Buffer.from('layer two')]));
    await engine.pull(`${registry.host}/app`, { allTags: true });
    assert.equal(engine.stores.images.size, 2);
    await assert.rejects(engine.pull(`${registry.host}/app:one`, { allTags: true }), (error) => isKind(error, 'invalid'));
  });

  test('two pulls of one image at once fetch each blob once, and one of them may be cancelled', async () => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    const image = makeImage([randomBytes(300_000)]);
    registry.add('app', 'latest', image);
    registry.intercept = (request, response) => {
      if (!request.url?.includes(sha256Digest(image.layers[0] ?? Buffer.alloc(0)))) return false;
      response.write(image.layers[0]?.subarray(0, 1000));
      setTimeout(() => response.end(image.layers[0]?.subarray(1000)), 100);
      return true;
    };
    const cancel = new AbortController();
    const cancelled = engine.pull(`${registry.host}/app`, { signal: cancel.signal });
    const others = [engine.pull(`${registry.host}/app`), engine.pull(`${registry.host}/app`)];
    setTimeout(() => cancel.abort(new Error('cancelled by the user')), 50);
    await assert.rejects(cancelled, /cancelled by the user/);
    await Promise.all(others);
    assert.equal(registry.count(new RegExp(`blobs/${sha256Digest(image.layers[0] ?? Buffer.alloc(0))}`)), 1);
  });

  test('a cancelled pull leaves only a partial download, which the next one takes up', async () => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    const image = makeImage([randomBytes(300_000)]);
    const layer = image.layers[0] ?? Buffer.alloc(0);
    registry.add('app', 'latest', image);
    const cancel = new AbortController();
    registry.intercept = (request, response) => {
      if (!request.url?.includes(sha256Digest(layer))) return false;
      response.write(layer.subarray(0, 100_000), () => setTimeout(() => cancel.abort(new Error('cancelled')), 30));
      return true;
    };
    await assert.rejects(engine.pull(`${registry.host}/app`, { signal: cancel.signal }), /cancelled/);
    assert.equal(engine.stores.unpacking, 0);
    assert.equal(engine.stores.images.size, 0);
    assert.equal(readdirSync(engine.downloads).length, 1);
    let range: string | undefined;
    registry.intercept = (request) => void (range = request.headers.range ?? range);
    await engine.pull(`${registry.host}/app`);
    assert.equal(range, 'bytes=100000-');
    assert.deepEqual(readdirSync(engine.downloads), []);
  });

  test('a partial download with wrong bytes is fetched anew', async () => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    const image = makeImage([randomBytes(10_000)]);
    registry.add('app', 'latest', image);
    writeFileSync(
      join(
        engine.downloads,
        `sha256-${sha256Digest(image.layers[0] ?? Buffer.alloc(0)).slice(7)}-${image.diffIds[0]?.slice(7, 19)}.partial`,
      ),
      randomBytes(4000),
    );
    await engine.pull(`${registry.host}/app`);
    assert.equal(engine.stores.tars.size, 1);
  });
});

suite('pull from a registry in trouble', { timeout: 30_000 }, () => {
  test('connections that break are taken up where they broke', async () => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    const image = makeImage([randomBytes(400_000)]);
    const layer = image.layers[0] ?? Buffer.alloc(0);
    registry.add('app', 'latest', image);
    const ranges: (string | undefined)[] = [];
    registry.intercept = (request, response) => {
      if (!request.url?.includes(sha256Digest(layer)) || ranges.push(request.headers.range) > 3) return false;
      const from = Number(request.headers.range?.slice(6, -1) ?? 0);
      response.writeHead(from ? 206 : 200, {
        'content-length': layer.length - from,
        ...(from ? { 'content-range': `bytes ${from}-${layer.length - 1}/${layer.length}` } : {}),
      });
      response.write(layer.subarray(from, from + 100_000), () => setTimeout(() => response.destroy(), 20));
      return true;
    };
    await engine.pull(`${registry.host}/app`);
    assert.deepEqual(ranges, [undefined, 'bytes=100000-', 'bytes=200000-', 'bytes=300000-']);
  });

  test('a registry that cannot resume sends again what is there, and the image is right', async () => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    const image = makeImage([randomBytes(200_000)]);
    const layer = image.layers[0] ?? Buffer.alloc(0);
    registry.add('app', 'latest', image);
    let tries = 0;
    registry.intercept = (request, response) => {
      if (!request.url?.includes(sha256Digest(layer))) return false;
      tries += 1;
      if (tries > 1) response.end(layer);
      else
        response
          .writeHead(200, { 'content-length': layer.length })
          .write(layer.subarray(0, 90_000), () => setTimeout(() => response.destroy(), 20));
      return true;
    };
    await engine.pull(`${registry.host}/app`);
    assert.equal(tries, 2);
  });

  test('answers 503 and 429 are tried again, after the time that Retry-After says', async () => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    registry.add('app', 'latest', small());
    let failures = 0;
    registry.intercept = (request, response) => {
      if (request.url === '/v2/' || failures >= 4) return false;
      failures += 1;
      return failures % 2
        ? sendError(response, 503, 'UNAVAILABLE', 'try later')
        : sendError(response, 429, 'TOOMANYREQUESTS', 'slow down', { 'retry-after': '1' });
    };
    await engine.pull(`${registry.host}/app`);
    assert.equal(failures, 4);
  });

  test('a registry that stops sending is given up after the stall time-out', async () => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine({ stallTimeout: 60 });
    const image = makeImage([randomBytes(50_000)]);
    registry.add('app', 'latest', image);
    registry.intercept = (request, response) => {
      if (!request.url?.includes('/blobs/') || request.url.includes(sha256Digest(image.config))) return false;
      response.writeHead(200, { 'content-length': 50_000 }).write('x');
      return true;
    };
    await assert.rejects(engine.pull(`${registry.host}/app`), (error) => isKind(error, 'unavailable'));
  });

  const lies: Record<string, { layer: (good: Buffer) => Buffer; says: RegExp }> = {
    'wrong bytes': { layer: (good) => Buffer.alloc(good.length, 1), says: /filesystem layer verification failed for digest sha256:/ },
    'too many bytes': { layer: (good) => Buffer.concat([good, good]), says: /sent more bytes/ },
    'too few bytes': { layer: (good) => good.subarray(0, 10), says: /ended sha256:\w+ after 10 of/ },
  };
  for (const [lie, { layer, says }] of Object.entries(lies)) {
    test(`a layer with ${lie} fails with a sentence and leaves nothing`, async () => {
      await using registry = await TestRegistry.start();
      using engine = new TestEngine();
      const image = makeImage([Buffer.from('a layer of some length')]);
      registry.add('app', 'latest', image);
      const good = image.layers[0] ?? Buffer.alloc(0);
      registry.intercept = (request, response) => {
        if (!request.url?.includes(sha256Digest(good))) return false;
        // Chunked, so that only the count of bytes tells.
        response.writeHead(200).end(layer(good));
        return true;
      };
      await assert.rejects(engine.pull(`${registry.host}/app`), says);
      assert.equal(engine.stores.tars.size + engine.stores.images.size, 0);
    });
  }

  test('a manifest or configuration with another digest than asked for is refused', async () => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    const image = small();
    const digest = registry.add('app', 'latest', image);
    registry.blobs.set(sha256Digest(image.config), Buffer.from(image.config.toString().replace('linux', 'linuX')));
    await assert.rejects(engine.pull(`${registry.host}/app`), /image config verification failed for digest/);
    registry.manifests.set(`app:${digest}`, { type: MEDIA.dockerManifest, body: Buffer.from('{"schemaVersion":2}') });
    await assert.rejects(engine.pull(`${registry.host}/app@${digest}`), /manifest verification failed for digest/);
  });

  const manifests: Record<string, { body: string | Buffer; type?: string; says: RegExp }> = {
    'that is not JSON': { body: 'hello', says: /not JSON/ },
    'that is binary': { body: randomBytes(100), says: /not JSON/ },
    'of schema 1': { body: '{"schemaVersion":1,"name":"app","signatures":[]}', says: /schema 1, which is not supported/ },
    'with a digest that leads elsewhere': {
      body: '{"schemaVersion":2,"config":{"digest":"../../etc/passwd","size":1},"layers":[]}',
      says: /config\.digest is not a SHA-256 digest/,
    },
    'with a negative size': {
      body: `{"schemaVersion":2,"config":{"digest":"sha256:${'0'.repeat(64)}","size":-1},"layers":[]}`,
      says: /config\.size is not a number/,
    },
    'of a chart': {
      body: `{"schemaVersion":2,"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":"sha256:${'0'.repeat(64)}","size":1},"layers":[]}`,
      says: /not a container image/,
    },
    'of 5 MiB': { body: `"${'x'.repeat(5 * 1024 * 1024)}"`, says: /more than 4194304 bytes/ },
  };
  for (const [kind, { body, type, says }] of Object.entries(manifests)) {
    test(`a manifest ${kind} is refused by name`, async () => {
      await using registry = await TestRegistry.start();
      using engine = new TestEngine();
      registry.addManifest('app', 'latest', Buffer.from(body), type ?? MEDIA.dockerManifest);
      await assert.rejects(engine.pull(`${registry.host}/app`), says);
    });
  }

  test('an unknown manifest and a denied repository fail in Docker’s words', async () => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    await assert.rejects(
      engine.pull(`${registry.host}/app:gone`),
      (error) =>
        isKind(error, 'notFound') &&
        String(error).includes(`manifest for ${registry.host}/app:gone not found: manifest unknown: manifest unknown`),
    );
    registry.intercept = (_, response) => sendError(response, 403, 'DENIED', 'requested access to the resource is denied');
    await assert.rejects(
      engine.pull(`${registry.host}/app`),
      new RegExp(
        `pull access denied for ${registry.host}/app, repository does not exist or may require 'docker login': denied: requested access`,
      ),
    );
  });

  test('a registry that nobody runs, and an answer that is not HTTP, are told apart', async () => {
    using engine = new TestEngine();
    await assert.rejects(engine.pull('127.0.0.1:1/app'), /Get "http:\/\/127\.0\.0\.1:1\/v2\/": connection refused/);
    const { createServer } = await import('node:net');
    await using stack = new AsyncDisposableStack();
    const server = createServer((socket) => socket.on('error', () => {}).end('SSH-2.0-hello\r\n'));
    stack.defer(() => void server.close());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    await assert.rejects(engine.pull(`127.0.0.1:${port}/app`), /the answer is not HTTP/);
  });
});
