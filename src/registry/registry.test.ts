import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Clock, randomIds, silentLog, systemClock } from '../base/index.ts';
import { memoryStore, type Store } from '../store/index.ts';
import { LocalRegistry } from './local/local-registry.ts';
import type { Quotas } from './registry.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const HOUR = 3_600_000;
const signal = AbortSignal.timeout(60_000);
const digestOf = (data: Uint8Array | string) => `sha256:${createHash('sha256').update(data).digest('hex')}`;

const freely = async () => {};

interface House extends AsyncDisposable {
  registry: LocalRegistry;
  root: string;
  /** Lets time pass. */
  later(milliseconds: number): void;
  reopen(): Promise<LocalRegistry>;
}

async function open(options: { quotas?: Quotas; untagged?: number; lease?: number } = {}): Promise<House> {
  const root = mkdtempSync('/tmp/gantry-registry-test-');
  const store: Store = memoryStore();
  let passed = 0;
  const real = systemClock();
  const clock: Clock = { ...real, now: () => real.now() + passed };
  const start = () =>
    LocalRegistry.open({
      ...{ root, store, clock, ids: randomIds(), log: silentLog, onEvent: () => {} },
      quotas: options.quotas ?? { named: {} },
      retention: { lease: options.lease ?? HOUR, uploads: 24 * HOUR, untagged: options.untagged },
    });
  const house: House = {
    registry: await start(),
    root,
    later(milliseconds) {
      passed += milliseconds;
    },
    async reopen() {
      await house.registry[Symbol.asyncDispose]();
      house.registry = await start();
      return house.registry;
    },
    async [Symbol.asyncDispose]() {
      await house.registry[Symbol.asyncDispose]();
      await rm(root, { recursive: true, force: true });
    },
  };
  return house;
}

async function* chunks(data: Uint8Array): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += 1000) yield Buffer.from(data.subarray(at, at + 1000));
}

async function pushBlob(registry: LocalRegistry, repository: string, data: Uint8Array): Promise<string> {
  const upload = await registry.startUpload(repository);
  await upload.append(chunks(data), { signal });
  await upload.commit(digestOf(data));
  return digestOf(data);
}

const pointer = (data: Uint8Array, mediaType = 'application/octet-stream') => ({ mediaType, digest: digestOf(data), size: data.length });

function manifestOf(...blobs: Uint8Array[]): Buffer {
  const [config = Buffer.from('{}'), ...layers] = blobs;
  return Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config: pointer(config), layers: layers.map((layer) => pointer(layer)) }),
  );
}

test('pushes that go on while collections free what they replace never miss a blob that they were told of', async () => {
  // Each push moves a tag, so that the manifest before it, and its blobs, are freed as soon as their short lease is over.
  await using house = await open({ lease: 250, untagged: 0 });
  const { registry } = house;
  const base = randomBytes(5000);
  await pushBlob(registry, 'base', base);
  await registry.putManifest('base', 'latest', MANIFEST, manifestOf(base), freely);
  let pushing = true;
  let freed = 0;
  const collecting = (async () => {
    while (pushing) {
      const report = await registry.collect({ dryRun: false });
      freed += report.blobs + report.manifests;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  const push = async (number: number) => {
    const repository = `app/${number % 3}`;
    // However fast the machine is: until enough was freed meanwhile.
    for (let round = 0; round < 40 || (freed <= 100 && round < 4000); round += 1) {
      const [config, layer] = [randomBytes(100), randomBytes(3000)];
      await pushBlob(registry, repository, config);
      await pushBlob(registry, repository, layer);
      assert.ok(await registry.mount(repository, 'base', digestOf(base)));
      // What a real client does: it asks for what it has pushed before, and relies on the answer.
      await registry.blob(repository, digestOf(config));
      await registry.putManifest(repository, `t${number}`, MANIFEST, manifestOf(config, layer, base), freely);
    }
  };
  await Promise.all([0, 1, 2, 3, 4, 5].map(push));
  pushing = false;
  await collecting;
  assert.ok(freed > 100, `only ${freed} were freed meanwhile`);
  for (const number of [0, 1, 2, 3, 4, 5]) {
    const found = await registry.manifest(`app/${number % 3}`, `t${number}`);
    for (const { digest } of JSON.parse(found.data.toString()).layers) await registry.blob(`app/${number % 3}`, digest);
  }
});

test('collect() frees what nothing names when its lease is over, and tells the same before on a dry run', async () => {
  await using house = await open();
  const { registry } = house;
  const [config, layer, orphan] = [Buffer.from('{}'), randomBytes(2000), randomBytes(1500)];
  for (const data of [config, layer, orphan]) await pushBlob(registry, 'a', data);
  await registry.putManifest('a', 'latest', MANIFEST, manifestOf(config, layer), freely);
  assert.equal((await registry.collect({ dryRun: false })).blobs, 0, 'within the lease');
  house.later(HOUR / 2);
  await registry.blob('a', digestOf(orphan));
  house.later(HOUR / 2 + 1000);
  assert.equal((await registry.collect({ dryRun: false })).blobs, 0, 'asked for since');
  house.later(HOUR);
  const dry = await registry.collect({ dryRun: true });
  assert.deepEqual([dry.blobs, dry.bytes], [1, 1500]);
  await registry.blob('a', digestOf(layer));
  const wet = await registry.collect({ dryRun: false });
  assert.deepEqual([wet.blobs, wet.bytes], [1, 1500]);
  await assert.rejects(registry.blob('a', digestOf(orphan)), /has no blob/);
  const whole = await registry.collect({ dryRun: false });
  assert.equal(whole.blobs, 0);
});

test('an untagged manifest goes when its time is over, but not what an index or a subject with a tag keeps', async () => {
  await using house = await open({ untagged: 24 * HOUR });
  const { registry } = house;
  const config = Buffer.from('{}');
  const push = async (reference: string, data: Buffer, type = MANIFEST) => registry.putManifest('a', reference, type, data, freely);
  await pushBlob(registry, 'a', config);
  const layers = await Promise.all(
    [1, 2, 3].map(async (size) => {
      const layer = randomBytes(size * 100);
      await pushBlob(registry, 'a', layer);
      return layer;
    }),
  );
  const [child, old, signature] = layers.map((layer) => manifestOf(config, layer)) as [Buffer, Buffer, Buffer];
  const about = Buffer.from(JSON.stringify({ ...JSON.parse(signature.toString()), subject: pointer(child, MANIFEST) }));
  for (const data of [child, old, about]) await push(digestOf(data), data);
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [pointer(child, MANIFEST)] }));
  await push('latest', index, INDEX);
  house.later(25 * HOUR);
  const report = await registry.collect({ dryRun: false });
  assert.equal(report.manifests, 1);
  await assert.rejects(registry.manifest('a', digestOf(old)), /has no manifest/);
  for (const data of [child, about]) await registry.manifest('a', digestOf(data));
});

test('a file whose row was never written, and an upload that nobody goes on with, are freed', async () => {
  await using house = await open();
  const { root } = house;
  const stray = randomBytes(700);
  const hex = digestOf(stray).slice(7);
  mkdirSync(join(root, 'blobs/sha256', hex.slice(0, 2)), { recursive: true });
  writeFileSync(join(root, 'blobs/sha256', hex.slice(0, 2), hex), stray);
  const upload = await house.registry.startUpload('a');
  await upload.append(chunks(randomBytes(5000)), { signal });
  const registry = await house.reopen();
  house.later(25 * HOUR);
  const report = await registry.collect({ dryRun: false });
  assert.deepEqual([report.blobs, report.uploads, report.bytes], [1, 1, 5700]);
  assert.deepEqual(readdirSync(join(root, 'uploads')), []);
  await assert.rejects(registry.upload('a', upload.id), /has no upload/);
});

test('the guard of tags is asked for what moves and goes, also for a part of an index, and stops the change', async () => {
  await using house = await open();
  const { registry } = house;
  const [config, layer, other] = [randomBytes(10), randomBytes(20), randomBytes(30)];
  for (const blob of [config, layer, other]) await pushBlob(registry, 'a', blob);
  const asked: string[] = [];
  const refusing = async (tags: readonly string[]) => {
    asked.push(...tags);
    if (tags.includes('v1')) throw new Error('v1 is immutable');
  };
  const part = manifestOf(config, layer);
  await registry.putManifest('a', digestOf(part), MANIFEST, part, refusing);
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [pointer(part, MANIFEST)] }));
  await registry.putManifest('a', 'v1', INDEX, index, refusing);
  await registry.putManifest('a', 'v1', INDEX, index, refusing);
  await registry.putManifest('a', 'latest', INDEX, index, refusing);
  assert.deepEqual(asked, [], 'new tags, and the same again, are nobody’s business');
  await assert.rejects(registry.putManifest('a', 'v1', MANIFEST, manifestOf(config, other), refusing), /v1 is immutable/);
  for (const reference of ['v1', digestOf(index), digestOf(part)])
    await assert.rejects(registry.deleteManifest('a', reference, refusing), /v1 is immutable/);
  assert.equal((await registry.manifest('a', 'v1')).digest, digestOf(index));
  await registry.deleteManifest('a', 'latest', refusing);
  assert.deepEqual(await registry.tags('a', { limit: 10 }), ['v1']);
});

test('what was pushed is there after a restart, and an upload goes on', async () => {
  await using house = await open();
  const [config, layer] = [Buffer.from('{}'), randomBytes(9000)];
  await pushBlob(house.registry, 'a/b', config);
  const upload = await house.registry.startUpload('a/b');
  await upload.append(chunks(layer.subarray(0, 4000)), { signal });
  const registry = await house.reopen();
  const again = await registry.upload('a/b', upload.id);
  assert.equal(again.offset, 4000);
  await again.append(chunks(layer.subarray(4000)), { start: 4000, signal });
  await again.commit(digestOf(layer));
  await registry.putManifest('a/b', 'v1', MANIFEST, manifestOf(config, layer), freely);
  const later = await house.reopen();
  assert.deepEqual(await later.tags('a/b', { limit: 10 }), ['v1']);
  assert.equal((await later.manifest('a/b', 'v1')).digest, digestOf(manifestOf(config, layer)));
  assert.equal(later.usage.bytes, config.length + layer.length + manifestOf(config, layer).length);
});

test('a quota counts what is on its way, and a blob that two repositories share only once for the whole', async () => {
  await using house = await open({ quotas: { total: 10_000, named: { 'team/': 6000 } } });
  const { registry } = house;
  const data = randomBytes(4000);
  await pushBlob(registry, 'team/a', data);
  assert.ok(await registry.mount('team/b', 'team/a', digestOf(data)));
  assert.equal(registry.usage.bytes, 4000);
  await assert.rejects(
    pushBlob(registry, 'team/b', randomBytes(3000)),
    /the quota of the namespace team\/ is full: it uses 4000 of 6000 bytes/,
  );
  await pushBlob(registry, 'other', randomBytes(3000));
  const first = await registry.startUpload('other');
  await first.append(chunks(randomBytes(2000)), { signal });
  const second = await registry.startUpload('other');
  await assert.rejects(second.append(chunks(randomBytes(2000)), { signal }), /the quota of the registry is full/);
});

test('a client that comes back takes its upload over from the connection that hangs', async () => {
  await using house = await open();
  const upload = await house.registry.startUpload('a');
  const hanging = (async function* () {
    yield Buffer.from('abc');
    await new Promise(() => {});
  })();
  const first = upload.append(hanging, { signal });
  first.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 20));
  await upload.append(chunks(Buffer.from('def')), { signal });
  await assert.rejects(first, /taken over/);
  await upload.commit(digestOf('abcdef'));
});
