import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { isKind } from '../../base/index.ts';
import { MEDIA, sha256Digest } from '../distribution/manifest.ts';
import { makeImage, TestRegistry } from '../distribution/testing/registry.ts';
import { TestEngine } from '../distribution/testing/stores.ts';
import { openTrust } from './policy-trust.ts';

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const SIGNATURE = 'application/vnd.dev.cosign.artifact.sig.v1+json';

/** A registry with one image and a policy that wants it signed. */
class Scene implements Disposable {
  readonly registry: TestRegistry;
  readonly engine: TestEngine;
  readonly digest: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'gantry-trust-'));

  private constructor(registry: TestRegistry) {
    this.registry = registry;
    this.digest = registry.add('team/app', '1', makeImage([Buffer.from('layer')]));
    const rules = [{ repository: `${registry.host}/team/*`, type: 'signed', keys: ['key.pub'] }];
    writeFileSync(join(this.#folder, 'key.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
    writeFileSync(join(this.#folder, 'trust.json'), JSON.stringify({ default: 'accept', rules }));
    this.engine = new TestEngine({ trust: openTrust(join(this.#folder, 'trust.json')) });
  }

  static async start(): Promise<Scene> {
    return new Scene(await TestRegistry.start());
  }

  /** Adds a manifest that carries a signature, and answers its digest. */
  addSignature(tag: string, over: { signature?: string; payload?: Buffer; times?: number } = {}): string {
    const claim = {
      critical: { identity: { 'docker-reference': `${this.registry.host}/team/app` }, image: { 'docker-manifest-digest': this.digest } },
    };
    const payload = Buffer.from(JSON.stringify(claim));
    this.registry.blobs.set(sha256Digest(payload), over.payload ?? payload);
    const layer = {
      ...{ mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json', digest: sha256Digest(payload), size: payload.length },
      annotations: { 'dev.cosignproject.cosign/signature': over.signature ?? sign('sha256', payload, privateKey).toString('base64') },
    };
    const config = { mediaType: SIGNATURE, digest: sha256Digest(Buffer.from('{}')), size: 2 };
    const body = { schemaVersion: 2, mediaType: MEDIA.ociManifest, config, layers: new Array(over.times ?? 1).fill(layer) };
    return this.registry.addManifest('team/app', tag, Buffer.from(JSON.stringify(body)), MEDIA.ociManifest);
  }

  /** Answers the referrers API, or leaves it out (404). */
  referrers(answer: { status: number; body: string } | undefined): void {
    this.registry.intercept = (request, response) => {
      if (!request.url?.includes('/referrers/')) return false;
      response.writeHead(answer?.status ?? 404).end(answer?.body ?? '');
      return true;
    };
  }

  pull = () => this.engine.pull(`${this.registry.host}/team/app:1`);

  async refusal(): Promise<string> {
    let told = '';
    await assert.rejects(this.pull(), (error: Error) => {
      told = error.message;
      assert.equal(this.engine.stores.images.size, 0);
      assert.equal(this.engine.stores.tars.size, 0);
      return isKind(error, 'denied') || isKind(error, 'unavailable');
    });
    return told;
  }

  [Symbol.dispose](): void {
    this.engine[Symbol.dispose]();
    void this.registry[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true });
  }
}

const list = (manifests: unknown) => JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests });
const entry = (digest: string) => ({ mediaType: MEDIA.ociManifest, digest, size: 1, artifactType: SIGNATURE });

suite('finding signatures', { timeout: 30_000 }, () => {
  test('a registry without the referrers API is asked for the tag that stands in for it', async () => {
    using scene = await Scene.start();
    scene.referrers(undefined);
    const signature = scene.addSignature('anything');
    scene.registry.addManifest('team/app', scene.digest.replace(':', '-'), Buffer.from(list([entry(signature)])), MEDIA.ociIndex);
    await scene.pull();
  });

  test("cosign's tag is found where nothing refers to the image", async () => {
    using scene = await Scene.start();
    scene.referrers({ status: 200, body: list([]) });
    scene.addSignature(`${scene.digest.replace(':', '-')}.sig`);
    await scene.pull();
    assert.ok(
      scene.engine.lines().some((line) => /Trusted: a simple signature by the key key\.pub/.test(line)),
      scene.engine.lines().join('\n'),
    );
  });

  test('a good signature is found behind bad and missing ones', async () => {
    using scene = await Scene.start();
    const bad = scene.addSignature('bad', { signature: 'AAAA' });
    const good = scene.addSignature('good');
    const missing = `sha256:${'0'.repeat(64)}`;
    scene.referrers({ status: 200, body: list([null, 7, {}, entry('../x'), entry(missing), entry(bad), entry(good)]) });
    await scene.pull();
  });

  test('a signature for a digest that it does not name, or whose payload is another, is refused', async () => {
    using scene = await Scene.start();
    scene.referrers({ status: 200, body: list([entry(scene.addSignature('x', { payload: Buffer.from('{}') }))]) });
    assert.match(await scene.refusal(), /has a payload that is missing or damaged/);
  });

  test('more signatures than anybody needs end the search', async () => {
    using scene = await Scene.start();
    scene.referrers({ status: 200, body: list([entry(scene.addSignature('x', { signature: 'AAAA', times: 65 }))]) });
    assert.match(await scene.refusal(), /more than 64 signatures/);
  });

  for (const [what, answer, message] of [
    ['no JSON', { status: 200, body: '<html>' }, /list of referrers that is not JSON/],
    ['an error', { status: 500, body: '' }, /HTTP status 500/],
    ['refused', { status: 403, body: '' }, /the registry has none/],
    ['null', { status: 200, body: 'null' }, /the registry has none/],
    ['no list', { status: 200, body: '{"manifests":7}' }, /the registry has none/],
  ] as const)
    test(`a list of referrers that is ${what} accepts nothing`, async () => {
      using scene = await Scene.start();
      scene.referrers(answer);
      assert.match(await scene.refusal(), message);
    });
});
