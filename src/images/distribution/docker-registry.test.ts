import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { isKind } from '../../base/index.ts';
import { parseManifest, sha256Digest } from './manifest.ts';
import { DockerRegistry } from './testing/docker-registry.ts';
import { TestEngine } from './testing/stores.ts';

/** Puts an image of random layers under `name` into the engine's stores, as a build or a load would. */
async function give(engine: TestEngine, name: string, sizes: readonly number[]): Promise<string> {
  const tars = sizes.map((size) => randomBytes(size));
  const diffIds = tars.map(sha256Digest);
  for (const [i, tar] of tars.entries()) engine.stores.tars.set(diffIds[i] ?? '', tar);
  const config = Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: diffIds } }));
  const image = await engine.stores.catalog.put({ config, names: [name], lease: engine.stores.layers.lease() });
  return image.id;
}

suite('Debian’s docker-registry', { timeout: 60_000 }, () => {
  let registry: DockerRegistry;
  before(async () => {
    registry = await DockerRegistry.start();
  });
  after(() => registry[Symbol.asyncDispose]());

  test('what push() sends, pull() of another engine brings back the same', async () => {
    using sender = new TestEngine();
    using receiver = new TestEngine();
    const name = `${registry.host}/team/app:v1`;
    const id = await give(sender, name, [200_000, 3_000_000, 10, 0]);
    const pushed = await sender.push(name);
    assert.equal(pushed.digest, sha256Digest(registry.blob(pushed.digest)));
    assert.equal(pushed.size, registry.blob(pushed.digest).length);
    assert.equal((await receiver.pull(name)).id, id);
    assert.deepEqual([...receiver.stores.tars.keys()].sort(), [...sender.stores.tars.keys()].sort());
    assert.equal((await receiver.pull(`${registry.host}/team/app@${pushed.digest}`)).id, id);
    assert.deepEqual([...readdirSync(sender.downloads), ...readdirSync(receiver.downloads)], []);
  });

  test('push() reports in the words of Docker and sends nothing twice', async () => {
    using engine = new TestEngine();
    const name = `${registry.host}/app:v1`;
    await give(engine, name, [5000]);
    const layer = [...engine.stores.tars.keys()][0]?.slice(7, 19);
    const { digest, size } = await engine.push(name);
    assert.deepEqual(engine.lines(), [
      `The push refers to repository [${registry.host}/app]`,
      `${layer}: Preparing`,
      `${layer}: Pushing`,
      `${layer}: Pushed`,
      `v1: digest: ${digest} size: ${size}`,
    ]);
    assert.deepEqual(engine.events.at(-1)?.aux, { Tag: 'v1', Digest: digest, Size: size });
    engine.events.length = 0;
    assert.equal((await engine.push(name)).digest, digest);
    assert.ok(engine.lines().includes(`${layer}: Layer already exists`));
    engine.events.length = 0;
    await engine.stores.catalog.put({ ...image(engine), names: [`${registry.host}/other/place:v2`], lease: engine.stores.layers.lease() });
    assert.equal((await engine.push(`${registry.host}/other/place:v2`)).digest, digest);
    assert.ok(engine.lines().includes(`${layer}: Mounted from app`));
  });

  test('a pulled image that is pushed elsewhere keeps its digest when its blobs are there', async () => {
    using first = new TestEngine();
    using second = new TestEngine();
    await give(first, `${registry.host}/origin:v1`, [9000]);
    const { digest } = await first.push(`${registry.host}/origin:v1`);
    await second.pull(`${registry.host}/origin:v1`);
    await second.stores.catalog.put({ ...image(second), names: [`${registry.host}/copy:v1`], lease: second.stores.layers.lease() });
    assert.equal((await second.push(`${registry.host}/copy:v1`)).digest, digest);
  });

  test('an upload whose connection breaks is begun anew where the registry forgets it', async () => {
    using engine = new TestEngine();
    using receiver = new TestEngine();
    const patches: number[] = [];
    const proxy = createServer((request, response) => {
      const [host, port] = registry.host.split(':');
      const onward = forward(
        { host, port, method: request.method, path: request.url, headers: { ...request.headers, host: request.headers.host } },
        (answer) => {
          response.writeHead(answer.statusCode ?? 500, answer.headers);
          answer.pipe(response);
        },
      );
      onward.on('error', () => response.destroy());
      if (request.method !== 'PATCH') return void request.pipe(onward);
      let bytes = 0;
      const first = patches.push(0) === 1;
      request.on('error', () => {});
      request.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        patches[patches.length - 1] = bytes;
        onward.write(chunk);
        // Cut on both sides: the registry keeps what it has.
        if (!first || bytes < 1_000_000) return;
        request.pause();
        setTimeout(() => (onward.destroy(), request.destroy()), 100);
      });
      request.on('end', () => onward.end());
    });
    await using stack = new AsyncDisposableStack();
    stack.defer(() => (proxy.closeAllConnections(), void proxy.close()));
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const name = `127.0.0.1:${(proxy.address() as AddressInfo).port}/app:v1`;
    const id = await give(engine, name, [4_000_000]);
    await engine.push(name);
    assert.equal(patches.length, 2);
    assert.equal((await receiver.pull(name)).id, id);
  });

  test('a cancelled push stops and leaves no file', async () => {
    using engine = new TestEngine();
    const name = `${registry.host}/cancelled:v1`;
    await give(engine, name, [20_000_000]);
    const cancel = new AbortController();
    const progress = (event: { status: string }) => void (event.status === 'Pushing' && cancel.abort(new Error('cancelled')));
    await assert.rejects(engine.push(name, { signal: cancel.signal, progress }), /cancelled/);
    assert.deepEqual(readdirSync(engine.downloads), []);
  });

  test('a repository that is not there is told as such', async () => {
    using engine = new TestEngine();
    await assert.rejects(
      engine.pull(`${registry.host}/no/such`),
      (error) => isKind(error, 'notFound') && /manifest for .*no\/such:latest not found: manifest unknown/.test(String(error)),
    );
    await assert.rejects(engine.push(`${registry.host}/no/image:v1`), /An image does not exist locally/);
  });

  function image(engine: TestEngine) {
    const [kept] = engine.stores.images.values();
    assert.ok(kept);
    assert.equal(parseManifest('x', kept.manifest?.data ?? Buffer.alloc(0), '').kind, 'image');
    return { config: kept.config, ...(kept.manifest ? { manifest: kept.manifest } : {}) };
  }
});

suite('docker-registry with a password', { timeout: 60_000 }, () => {
  // "anna" with the password "secret", bcrypt.
  const htpasswd = 'anna:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n';
  const anna = { username: 'anna', password: 'secret' };

  test('push, pull and login need the right one', async () => {
    await using registry = await DockerRegistry.start({ htpasswd });
    using engine = new TestEngine();
    const name = `${registry.host}/private:v1`;
    const signal = new AbortController().signal;
    await give(engine, name, [1000]);
    await engine.push(name, { credentials: anna });
    await engine.pull(name, { credentials: anna });
    assert.deepEqual(await engine.distribution.checkCredentials(registry.host, anna, signal), {});
    await assert.rejects(engine.distribution.checkCredentials(registry.host, { ...anna, password: 'guess' }, signal), /401 Unauthorized/);
    await assert.rejects(engine.pull(name), /no basic auth credentials/);
    await assert.rejects(
      engine.push(name, { credentials: { ...anna, password: 'guess' } }),
      (error) => isKind(error, 'denied') && /authentication required/.test(String(error)),
    );
  });
});
