import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { startGantryRegistry, type TestGantryRegistry } from '../support/gantry-registry.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const BYTES = { 'Content-Type': 'application/octet-stream' };
const NAME = 'team/conformance';

let registry: TestGantryRegistry;
before(async () => {
  registry = await startGantryRegistry({ flags: ['--allow-delete', '--quota', 'small=1000', '--quota', 'crowd/=1000'] });
});
after(() => registry[Symbol.asyncDispose]());

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

function ask(
  method: string,
  path: string,
  options: { body?: Uint8Array | string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = request(new URL(path, registry.url), { method, headers: options.headers ?? {} }, (response) => {
      response
        .toArray()
        .then(
          (chunks) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks as Buffer[]) }),
          reject,
        );
    });
    asking.on('error', reject);
    asking.end(options.body);
  });
}

const digestOf = (data: Uint8Array | string, algorithm = 'sha256') => `${algorithm}:${createHash(algorithm).update(data).digest('hex')}`;
const location = ({ headers }: Answer) => String(headers['location']);
const code = ({ body }: Answer) => JSON.parse(body.toString()).errors[0].code as string;
const begin = async (name = NAME) => location(await ask('POST', `/v2/${name}/blobs/uploads/`));

async function pushBlob(data: Uint8Array | string, name = NAME): Promise<string> {
  const digest = digestOf(data);
  const { status } = await ask('PUT', `${await begin(name)}?digest=${digest}`, { body: data, headers: BYTES });
  assert.equal(status, 201);
  return digest;
}

async function imageOf(layer: Uint8Array | string, more: Record<string, unknown> = {}, name = NAME): Promise<string> {
  const config = '{"architecture":"amd64","os":"linux"}';
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: await pushBlob(config, name), size: config.length },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: await pushBlob(layer, name), size: layer.length }],
    ...more,
  });
}

const putManifest = (reference: string, body: string, type = MANIFEST, name = NAME) =>
  ask('PUT', `/v2/${name}/manifests/${reference}`, { body, headers: { 'Content-Type': type } });

test('the base answers 200 and says which API it speaks', async () => {
  const { status, headers } = await ask('GET', '/v2/');
  assert.deepEqual([status, headers['docker-distribution-api-version']], [200, 'registry/2.0']);
});

test('a blob goes up in one request with POST and digest, and comes down whole, in part, or not at all', async () => {
  const data = randomBytes(5000);
  const digest = digestOf(data);
  const pushed = await ask('POST', `/v2/${NAME}/blobs/uploads/?digest=${digest}`, { body: data, headers: BYTES });
  assert.deepEqual([pushed.status, location(pushed)], [201, `/v2/${NAME}/blobs/${digest}`]);
  const path = location(pushed);
  const whole = await ask('GET', path);
  assert.deepEqual([whole.status, whole.headers['docker-content-digest']], [200, digest]);
  assert.ok(whole.body.equals(data));
  const head = await ask('HEAD', path);
  assert.deepEqual([head.status, head.headers['content-length'], head.body.length], [200, '5000', 0]);
  const cases: [range: string, status: number, contentRange: string | undefined, bytes: Buffer][] = [
    ['bytes=0-9', 206, 'bytes 0-9/5000', data.subarray(0, 10)],
    ['bytes=4990-', 206, 'bytes 4990-4999/5000', data.subarray(4990)],
    ['bytes=-5', 206, 'bytes 4995-4999/5000', data.subarray(4995)],
    ['bytes=10-999999', 206, 'bytes 10-4999/5000', data.subarray(10)],
    ['bytes=9-3', 200, undefined, data],
  ];
  for (const [range, status, contentRange, bytes] of cases) {
    const part = await ask('GET', path, { headers: { Range: range } });
    assert.deepEqual([range, part.status, part.headers['content-range']], [range, status, contentRange]);
    assert.ok(part.body.equals(bytes), range);
  }
  const outside = await ask('GET', path, { headers: { Range: 'bytes=5000-' } });
  assert.deepEqual([outside.status, outside.headers['content-range']], [416, 'bytes */5000']);
  assert.equal((await ask('GET', path, { headers: { 'If-None-Match': `"${digest}"` } })).status, 304);
});

test('chunks go up in order, a chunk at the wrong place is 416 and says where to go on, and a cancelled upload is gone', async () => {
  const data = randomBytes(3000);
  const upload = await begin();
  const patch = (start: number, end: number) =>
    ask('PATCH', upload, { body: data.subarray(start, end), headers: { ...BYTES, 'Content-Range': `${start}-${end - 1}` } });
  assert.deepEqual(await patch(0, 1000).then(({ status, headers }) => [status, headers['range']]), [202, '0-999']);
  const wrong = await patch(2000, 3000);
  assert.deepEqual([wrong.status, wrong.headers['range'], location(wrong)], [416, '0-999', upload]);
  assert.equal((await patch(0, 1000)).status, 416);
  const state = await ask('GET', upload);
  assert.deepEqual([state.status, state.headers['range'], location(state)], [204, '0-999', upload]);
  assert.equal((await patch(1000, 2000)).status, 202);
  const end = await ask('PUT', `${upload}?digest=${digestOf(data)}`, {
    body: data.subarray(2000),
    headers: { ...BYTES, 'Content-Range': '2000-2999' },
  });
  assert.equal(end.status, 201);
  assert.ok((await ask('GET', location(end))).body.equals(data));
  const other = await begin();
  assert.equal((await ask('DELETE', other)).status, 204);
  assert.equal((await ask('GET', other)).status, 404);
});

test('an upload goes on where it was after kill -9 of the registry', async () => {
  const data = randomBytes(3_000_000);
  const upload = await begin();
  assert.equal((await ask('PATCH', upload, { body: data.subarray(0, 2_000_000), headers: BYTES })).status, 202);
  await registry.kill9();
  await registry.start();
  assert.equal((await ask('GET', upload)).headers['range'], '0-1999999');
  assert.equal((await ask('PATCH', upload, { body: data.subarray(2_000_000), headers: BYTES })).status, 202);
  const end = await ask('PUT', `${upload}?digest=${digestOf(data)}`);
  assert.equal(end.status, 201);
  assert.ok((await ask('GET', location(end))).body.equals(data));
});

test('a wrong digest is refused and leaves nothing; sha512 is as good as sha256', async () => {
  const wrong = await ask('PUT', `${await begin()}?digest=${digestOf('other')}`, { body: 'data', headers: BYTES });
  assert.deepEqual([wrong.status, code(wrong)], [400, 'DIGEST_INVALID']);
  assert.equal((await ask('HEAD', `/v2/${NAME}/blobs/${digestOf('other')}`)).status, 404);
  const digest = digestOf('long', 'sha512');
  assert.equal((await ask('PUT', `${await begin()}?digest=${digest}`, { body: 'long', headers: BYTES })).status, 201);
  assert.equal((await ask('GET', `/v2/${NAME}/blobs/${digest}`)).body.toString(), 'long');
});

test('a blob is mounted from another repository, and an unknown one begins an upload', async () => {
  const digest = await pushBlob('shared layer');
  const path = `/v2/other/app/blobs/uploads/?from=${NAME}&mount=`;
  assert.equal((await ask('HEAD', `/v2/other/app/blobs/${digest}`)).status, 404);
  assert.equal((await ask('POST', path + digest)).status, 201);
  assert.equal((await ask('GET', `/v2/other/app/blobs/${digest}`)).body.toString(), 'shared layer');
  assert.equal((await ask('POST', path + digestOf('nowhere'))).status, 202);
});

test('a manifest is pushed by tag and digest, pulled by both, and only when all that it names is there', async () => {
  const manifest = await imageOf('first layer');
  const digest = digestOf(manifest);
  const pushed = await putManifest('v1', manifest);
  assert.deepEqual([pushed.status, location(pushed)], [201, `/v2/${NAME}/manifests/${digest}`]);
  assert.equal((await putManifest(digest, manifest)).status, 201);
  for (const reference of ['v1', digest]) {
    const found = await ask('GET', `/v2/${NAME}/manifests/${reference}`, { headers: { Accept: MANIFEST } });
    assert.deepEqual([found.status, found.headers['content-type'], found.headers['docker-content-digest']], [200, MANIFEST, digest]);
    assert.equal(found.body.toString(), manifest);
  }
  const missing = await putManifest('v2', manifest.replaceAll(digestOf('first layer'), digestOf('never pushed')));
  assert.deepEqual([missing.status, code(missing)], [404, 'MANIFEST_BLOB_UNKNOWN']);
  assert.equal((await ask('GET', `/v2/${NAME}/manifests/v2`)).status, 404);
  const unwanted = await ask('GET', `/v2/${NAME}/manifests/v1`, { headers: { Accept: INDEX } });
  assert.deepEqual([unwanted.status, code(unwanted)], [404, 'MANIFEST_UNKNOWN']);
});

test('manifests that are not valid are refused by what is wrong with them', async () => {
  const good = JSON.parse(await imageOf('layer')) as Record<string, unknown>;
  const cases: [what: string, body: string, type: string, status: number, code: string][] = [
    ['not JSON', '{', MANIFEST, 400, 'MANIFEST_INVALID'],
    ['schema 1', '{"schemaVersion":1}', 'application/vnd.docker.distribution.manifest.v1+prettyjws', 400, 'MANIFEST_INVALID'],
    ['two types', JSON.stringify(good), INDEX, 400, 'MANIFEST_INVALID'],
    ['no layers', JSON.stringify({ ...good, layers: undefined }), MANIFEST, 400, 'MANIFEST_INVALID'],
    ['a lying size', JSON.stringify({ ...good, config: { ...(good['config'] as object), size: 1 } }), MANIFEST, 400, 'MANIFEST_INVALID'],
    ['unknown type', JSON.stringify({ ...good, mediaType: 'text/plain' }), 'text/plain', 400, 'MANIFEST_INVALID'],
    ['too large', JSON.stringify({ ...good, pad: 'x'.repeat(4 << 20) }), MANIFEST, 413, 'SIZE_INVALID'],
  ];
  for (const [what, body, type, status, expected] of cases) {
    const answer = await putManifest('bad', body, type);
    assert.deepEqual([what, answer.status, code(answer)], [what, status, expected]);
  }
  const digest = await putManifest(digestOf('x'), JSON.stringify(good));
  assert.deepEqual([digest.status, code(digest)], [400, 'DIGEST_INVALID']);
});

test('names, tags and digests that are none are refused', async () => {
  const cases: [path: string, status: number, code: string][] = [
    ['/v2/Upper/tags/list', 400, 'NAME_INVALID'],
    ['/v2/a..b/tags/list', 400, 'NAME_INVALID'],
    ['/v2/a%2F..%2Fb/tags/list', 400, 'NAME_INVALID'],
    [`/v2/${'a'.repeat(256)}/tags/list`, 400, 'NAME_INVALID'],
    [`/v2/${NAME}/manifests/.tag`, 400, 'TAG_INVALID'],
    [`/v2/${NAME}/manifests/sha256:abc`, 400, 'DIGEST_INVALID'],
    [`/v2/${NAME}/blobs/sha256:..%2F..%2Fetc`, 400, 'DIGEST_INVALID'],
    [`/v2/${NAME}/blobs/${digestOf('nothing')}`, 404, 'BLOB_UNKNOWN'],
    ['/v2/no/such/tags/list', 404, 'NAME_UNKNOWN'],
    [`/v2/${NAME}/blobs/uploads/0123`, 404, 'BLOB_UPLOAD_UNKNOWN'],
  ];
  for (const [path, status, expected] of cases) {
    const answer = await ask('GET', path);
    assert.deepEqual([path, answer.status, code(answer)], [path, status, expected]);
  }
  assert.equal((await ask('POST', `/v2/${NAME}/tags/list`)).status, 405);
});

test('tags and repositories come in pages', async () => {
  const manifest = await imageOf('tagged', {}, 'paged');
  for (const tag of ['c', 'a', 'b', 'B']) await putManifest(tag, manifest, MANIFEST, 'paged');
  const all = JSON.parse((await ask('GET', '/v2/paged/tags/list')).body.toString());
  assert.deepEqual(all, { name: 'paged', tags: ['B', 'a', 'b', 'c'] });
  const page = await ask('GET', '/v2/paged/tags/list?n=2&last=B');
  assert.deepEqual(JSON.parse(page.body.toString()).tags, ['a', 'b']);
  assert.equal(page.headers['link'], '</v2/paged/tags/list?n=2&last=b>; rel="next"');
  assert.deepEqual(JSON.parse((await ask('GET', '/v2/paged/tags/list?n=0')).body.toString()).tags, []);
  assert.equal((await ask('GET', '/v2/paged/tags/list?n=x')).status, 400);
  const catalog = await ask('GET', '/v2/_catalog?n=1');
  assert.deepEqual(JSON.parse(catalog.body.toString()), { repositories: ['paged'] });
  assert.match(String(catalog.headers['link']), /_catalog\?n=1&last=paged/);
});

test('what is about a manifest is listed as its referrers, filtered by kind, also before the manifest is there', async () => {
  const subject = await imageOf('the subject');
  const pointer = { mediaType: MANIFEST, digest: digestOf(subject), size: subject.length };
  const signature = await imageOf('signature', { artifactType: 'application/x.signature', subject: pointer, annotations: { by: 'me' } });
  const bill = await imageOf('bill', { artifactType: 'application/x.bill', subject: pointer });
  const pushed = await putManifest(digestOf(signature), signature);
  assert.deepEqual([pushed.status, pushed.headers['oci-subject']], [201, pointer.digest]);
  await putManifest(digestOf(bill), bill);
  const path = `/v2/${NAME}/referrers/${pointer.digest}`;
  const all = await ask('GET', path);
  assert.deepEqual([all.status, all.headers['content-type'], all.headers['oci-filters-applied']], [200, INDEX, undefined]);
  assert.equal(JSON.parse(all.body.toString()).manifests.length, 2);
  const some = await ask('GET', `${path}?artifactType=application/x.signature`);
  assert.equal(some.headers['oci-filters-applied'], 'artifactType');
  assert.deepEqual(JSON.parse(some.body.toString()).manifests, [
    {
      mediaType: MANIFEST,
      digest: digestOf(signature),
      size: signature.length,
      artifactType: 'application/x.signature',
      annotations: { by: 'me' },
    },
  ]);
  const none = await ask('GET', `/v2/${NAME}/referrers/${digestOf('unheard of')}`);
  assert.deepEqual([none.status, JSON.parse(none.body.toString()).manifests], [200, []]);
});

test('deleting a tag leaves the manifest, deleting the manifest takes its tags, and a blob goes when nothing needs it', async () => {
  const manifest = await imageOf('deleted layer', {}, 'gone');
  const digest = digestOf(manifest);
  for (const tag of ['one', 'two']) await putManifest(tag, manifest, MANIFEST, 'gone');
  assert.equal((await ask('DELETE', '/v2/gone/manifests/one')).status, 202);
  assert.equal((await ask('GET', `/v2/gone/manifests/${digest}`)).status, 200);
  const needed = await ask('DELETE', `/v2/gone/blobs/${digestOf('deleted layer')}`);
  assert.deepEqual([needed.status, code(needed)], [403, 'DENIED']);
  assert.equal((await ask('DELETE', `/v2/gone/manifests/${digest}`)).status, 202);
  assert.equal((await ask('GET', '/v2/gone/manifests/two')).status, 404);
  assert.equal((await ask('DELETE', `/v2/gone/manifests/${digest}`)).status, 404);
  assert.equal((await ask('DELETE', `/v2/gone/blobs/${digestOf('deleted layer')}`)).status, 202);
  assert.equal((await ask('GET', `/v2/gone/blobs/${digestOf('deleted layer')}`)).status, 404);
});

test('a full quota refuses with the bytes used and the limit', async () => {
  await pushBlob(randomBytes(600), 'small');
  const data = randomBytes(600);
  const refused = await ask('POST', `/v2/small/blobs/uploads/?digest=${digestOf(data)}`, { body: data, headers: BYTES });
  assert.deepEqual([refused.status, code(refused)], [403, 'DENIED']);
  assert.match(refused.body.toString(), /the quota of the repository small is full: it uses 600 of 1000 bytes, and this needs 600/);
});

test('a push that leaves little of a quota is warned', async () => {
  const config = '{"architecture":"amd64","os":"linux"}';
  const layer = randomBytes(560);
  const manifest = await imageOf(layer, {}, 'crowd/near');
  assert.ok(config.length + layer.length + manifest.length > 900);
  const pushed = await putManifest('v1', manifest, MANIFEST, 'crowd/near');
  assert.equal(pushed.status, 201, pushed.body.toString());
  assert.match(String(pushed.headers['warning']), /^299 - "the quota of the namespace crowd\/ is nearly full: it uses \d+ of 1000 bytes"$/);
  await ask('DELETE', `/v2/crowd/near/manifests/${digestOf(manifest)}`);
  for (const data of [config, layer]) await ask('DELETE', `/v2/crowd/near/blobs/${digestOf(data)}`);
});

test('a quota of a namespace is shared by all below it, and a blob counts once there', async () => {
  const shared = randomBytes(600);
  const digest = await pushBlob(shared, 'crowd/one');
  assert.equal((await ask('POST', `/v2/crowd/two/deep/blobs/uploads/?mount=${digest}&from=crowd/one`)).status, 201);
  const refused = await ask('POST', `/v2/crowd/two/blobs/uploads/?digest=${digestOf('x'.repeat(500))}`, {
    body: 'x'.repeat(500),
    headers: BYTES,
  });
  assert.deepEqual([refused.status, code(refused)], [403, 'DENIED']);
  assert.match(refused.body.toString(), /the quota of the namespace crowd\/ is full: it uses 600 of 1000 bytes/);
  await pushBlob('x'.repeat(500), 'crowded');
});

test('collection frees what was deleted', async () => {
  const report = await registry.command('gc', '--dry-run');
  assert.match(report, /^Would free \d+ bytes/);
  assert.equal(JSON.parse(await registry.command('gc', '--dry-run', '--format', 'json')).dryRun, true);
  const metrics = await ask('GET', '/metrics');
  assert.match(metrics.body.toString(), /gantry_registry_storage_bytes \d+/);
  assert.equal((await ask('GET', '/healthz')).status, 200);
});
