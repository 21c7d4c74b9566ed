import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { eventually } from '../support/command.ts';
import { startGantryRegistry, type TestGantryRegistry } from '../support/gantry-registry.ts';
import { must, startDaemon, startRegistry, startTestHost, type TestDaemon, type TestHost } from '../support/index.ts';

const SERVED = '127.0.0.1:5001';

let host: TestHost;
let registry: TestGantryRegistry;
let daemon: TestDaemon;

before(async () => {
  host = await startTestHost();
  registry = await startGantryRegistry({ host, flags: ['--allow-delete'] });
  daemon = await startDaemon({ host, images: ['busybox'], flags: ['--registry', SERVED] });
});

after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
  await host?.[Symbol.asyncDispose]();
});

const skopeo = (...args: string[]) => must(...host.inside('skopeo', args));
const copy = (from: string, to: string, ...more: string[]) =>
  skopeo(
    'copy',
    '--quiet',
    '--insecure-policy',
    '--src-tls-verify=false',
    '--dest-tls-verify=false',
    ...more,
    `docker://${from}`,
    `docker://${to}`,
  );
const digestOf = (data: string) => `sha256:${createHash('sha256').update(data).digest('hex')}`;

/** Writes an OCI layout of one artifact about `subject`, and answers its digest. */
function layoutOf(folder: string, content: string, subject: string): string {
  const blobs = path.join(folder, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const blob = (data: string, mediaType: string) => {
    writeFileSync(path.join(blobs, digestOf(data).slice(7)), data);
    return { mediaType, digest: digestOf(data), size: Buffer.byteLength(data) };
  };
  const { mediaType } = JSON.parse(subject) as { mediaType: string };
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    artifactType: 'application/x.bill',
    config: blob('{}', 'application/vnd.oci.empty.v1+json'),
    layers: [blob(content, 'application/x.bill')],
    subject: { mediaType, digest: digestOf(subject), size: Buffer.byteLength(subject) },
  });
  const entry = blob(manifest, 'application/vnd.oci.image.manifest.v1+json');
  writeFileSync(path.join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  writeFileSync(path.join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  return entry.digest;
}

const raw = async (name: string) => JSON.parse(await skopeo('inspect', '--raw', '--tls-verify=false', `docker://${name}`));

test('docker pushes an image, mounts its layers into another repository, and pulls the same image again', async () => {
  const name = `${registry.address}/team/app:1`;
  await daemon.ok('tag', 'gantry/busybox', name);
  const id = await daemon.ok('image', 'inspect', '--format', '{{.Id}}', name);
  assert.match(await daemon.ok('push', name), /Pushed[\s\S]*1: digest: sha256:[0-9a-f]{64}/);
  await daemon.ok('tag', name, `${registry.address}/other/app:2`);
  assert.match(await daemon.ok('push', `${registry.address}/other/app:2`), /Mounted from team\/app/);
  await daemon.ok('rmi', name);
  assert.match(await daemon.ok('pull', name), /Downloaded newer image/);
  assert.equal(await daemon.ok('image', 'inspect', '--format', '{{.Id}}', name), id);
});

test('docker pushes all tags of a repository with --all-tags', async () => {
  for (const tag of ['a', 'b']) await daemon.ok('tag', 'gantry/busybox', `${registry.address}/team/tags:${tag}`);
  await daemon.ok('push', '--all-tags', `${registry.address}/team/tags`);
  const tags = JSON.parse(await skopeo('list-tags', '--tls-verify=false', `docker://${registry.address}/team/tags`));
  assert.deepEqual(tags.Tags, ['a', 'b']);
});

test('docker pulls what it pushed from a registry that was killed and started again', async () => {
  const name = `${registry.address}/team/app:kept`;
  await daemon.ok('tag', 'gantry/busybox', name);
  await daemon.ok('push', name);
  await registry.kill9();
  await registry.start();
  await daemon.ok('rmi', name);
  await daemon.ok('pull', name);
});

test('a push goes on when the registry is killed and started again in its middle', async () => {
  const name = `${registry.address}/team/large:1`;
  const id = await daemon.ok('run', '--detach', 'gantry/busybox', 'dd', 'if=/dev/urandom', 'of=/large', 'bs=1M', 'count=60');
  assert.equal(await daemon.ok('wait', id), '0');
  await daemon.ok('commit', id, name);
  const uploads = path.join(registry.root, 'data/uploads');
  const pushing = daemon.docker('push', name);
  await eventually(
    'the upload to be on its way',
    async () => readdirSync(uploads).some((file) => statSync(path.join(uploads, file), { throwIfNoEntry: false })?.size) || undefined,
  );
  await registry.kill9();
  await registry.start();
  const pushed = await pushing;
  assert.equal(pushed.status, 0, pushed.stdout + pushed.stderr);
  await daemon.ok('rm', id);
  await daemon.ok('rmi', name);
  await daemon.ok('pull', name);
});

test('a daemon that is killed in the middle of a push leaves nothing, and pushes the same again', async () => {
  const name = `${registry.address}/other/large:1`;
  const id = await daemon.ok('run', '--detach', 'gantry/busybox', 'dd', 'if=/dev/urandom', 'of=/larger', 'bs=1M', 'count=60');
  assert.equal(await daemon.ok('wait', id), '0');
  await daemon.ok('commit', id, name);
  const downloads = path.join(daemon.root, 'data/tmp/downloads');
  const pushing = daemon.docker('push', name);
  await eventually('the push to be on its way', async () => readdirSync(downloads).some((file) => file.startsWith('push-')) || undefined);
  await daemon.kill9();
  await pushing;
  await daemon.start();
  assert.deepEqual(existsSync(downloads) ? readdirSync(downloads) : [], []);
  await daemon.ok('push', name);
  await daemon.ok('rm', id);
});

test('skopeo converts to OCI and schema 2, lists and deletes tags', async () => {
  const name = `${registry.address}/team/app:1`;
  for (const format of ['oci', 'v2s2']) await copy(name, `${registry.address}/copies/${format}:x`, '--format', format);
  assert.equal((await raw(`${registry.address}/copies/oci:x`)).mediaType, 'application/vnd.oci.image.manifest.v1+json');
  assert.equal((await raw(`${registry.address}/copies/v2s2:x`)).mediaType, 'application/vnd.docker.distribution.manifest.v2+json');
  await skopeo('delete', '--tls-verify=false', `docker://${registry.address}/copies/oci:x`);
  const tags = JSON.parse(await skopeo('list-tags', '--tls-verify=false', `docker://${registry.address}/copies/oci`));
  assert.deepEqual(tags.Tags ?? [], []);
});

test('an artifact about an image goes up by skopeo, is listed as its referrer by curl, and comes down the same', async () => {
  const folder = mkdtempSync('/var/tmp/gantry-artifact-');
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const name = `${registry.address}/team/app`;
  const subject = await skopeo('inspect', '--raw', '--tls-verify=false', `docker://${name}:1`);
  const artifact = layoutOf(path.join(folder, 'up'), 'a bill of materials', subject);
  await skopeo('copy', '--quiet', '--insecure-policy', '--dest-tls-verify=false', `oci:${folder}/up`, `docker://${name}:bill`);
  const curl = (query: string) =>
    must(...host.inside('curl', ['-sf', `http://${name.replace('/', '/v2/')}/referrers/${digestOf(subject)}${query}`]));
  const [found] = JSON.parse(await curl('?artifactType=application/x.bill')).manifests;
  assert.deepEqual([found.digest, found.artifactType], [artifact, 'application/x.bill']);
  assert.deepEqual(JSON.parse(await curl('?artifactType=application/x.other')).manifests, []);
  await skopeo('copy', '--quiet', '--insecure-policy', '--src-tls-verify=false', `docker://${name}:bill`, `oci:${folder}/down`);
  assert.equal(JSON.parse(readFileSync(path.join(folder, 'down/index.json'), 'utf8')).manifests[0].digest, artifact);
});

test("images go to Debian's docker-registry and come back the same", async () => {
  await using peer = await startRegistry(host, 5002);
  await copy(`${registry.address}/team/app:1`, `${peer.address}/there:1`);
  await copy(`${peer.address}/there:1`, `${registry.address}/and/back:1`);
  assert.deepEqual(await raw(`${registry.address}/and/back:1`), await raw(`${registry.address}/team/app:1`));
});

test("an engine's images are pulled from it by name, and pushes there are refused with the reason", async () => {
  const id = await daemon.ok('image', 'inspect', '--format', '{{.Id}}', 'gantry/busybox');
  await copy(`${SERVED}/gantry/busybox:latest`, `${registry.address}/from/engine:1`);
  assert.equal((await raw(`${SERVED}/gantry/busybox:latest`)).config.digest, id);
  await assert.rejects(copy(`${registry.address}/team/app:1`, `${SERVED}/x/y:1`), /image store of an engine, to be pulled from only/);
});
