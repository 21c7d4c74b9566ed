import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { after, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { encodeTarHeader, type NewTarEntry, paddingOf, randomIds, sha256, silentLog, systemClock, tarEnd } from '../base/index.ts';
import { mountTmpfs, Trash, unmount } from '../host/index.ts';
import { memoryStore } from '../store/index.ts';
import { createImages } from './index.ts';

type File = NewTarEntry & { content?: string | Uint8Array };

function tar(...entries: File[]): Buffer {
  const parts = entries.map((entry) => {
    const content = Buffer.from(entry.content ?? '');
    return Buffer.concat([
      encodeTarHeader({ mode: 0o755, ...entry, size: content.length }),
      content,
      Buffer.alloc(paddingOf(content.length)),
    ]);
  });
  return Buffer.concat([...parts, tarEnd()]);
}

const file = (name: string, content: string | Uint8Array = 'x', more: Partial<File> = {}): File => ({
  type: 'file',
  name,
  content,
  ...more,
});
const directory = (name: string, more: Partial<File> = {}): File => ({ type: 'directory', name, ...more });

function imageArchive(layers: Buffer[], names: string[] | null, config: object = {}): Buffer {
  const diffIds = layers.map((layer) => `sha256:${sha256(layer)}`);
  const document = JSON.stringify({ architecture: 'amd64', os: 'linux', config, rootfs: { type: 'layers', diff_ids: diffIds } });
  return tar(
    ...layers.map((layer, i) => file(`${i}/layer.tar`, layer)),
    file('config.json', document),
    file('manifest.json', JSON.stringify([{ Config: 'config.json', RepoTags: names, Layers: layers.map((_, i) => `${i}/layer.tar`) }])),
  );
}

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

async function open(dataRoot = mkdtempSync(join(tmpdir(), 'gantry-images-')), store = memoryStore()) {
  folders.push(dataRoot);
  const common = { clock: systemClock(), ids: randomIds(), log: silentLog };
  const trash = await Trash.open(dataRoot, common);
  const images = await createImages({
    ...common,
    ...{ dataRoot, store, trash },
    insecureRegistries: [],
    registryMirrors: [],
  });
  const options = { progress: () => {}, signal: new AbortController().signal };
  const load = (archive: Buffer) => images.load(Readable.from([archive], { objectMode: false }), options);
  return { images, trash, load, dataRoot, store, layers: () => readdirSync(join(dataRoot, 'layers')).filter((name) => name.length === 26) };
}

async function collect(write: (output: PassThrough) => Promise<void>): Promise<Buffer> {
  const output = new PassThrough();
  const chunks: Buffer[] = [];
  output.on('data', (chunk: Buffer) => chunks.push(chunk));
  await write(output);
  output.end();
  return Buffer.concat(chunks);
}

const never = new AbortController().signal;

test('load() and save() are exact: what is saved loads elsewhere with the same id and the same layers', async () => {
  const base = tar(
    directory('./', { mode: 0o755 }),
    directory('etc/'),
    file('etc/passwd', 'root:x', { mode: 0o644, uid: 3, gid: 4 }),
    file('etc/passwd', 'again'),
    { type: 'symbolicLink', name: 'link', link: '/etc' },
  );
  const top = tar(file('link/under', 'u'), file('etc/.wh.passwd', ''), { type: 'hardLink', name: 'hard', link: 'link/under' });
  const one = await open();
  assert.deepEqual(await one.load(gzipSync(imageArchive([base, top], ['app:1', 'registry.example/app:2']))), [
    'app:1',
    'registry.example/app:2',
  ]);
  const saved = await collect((output) => one.images.save(['app:1'], () => output, { signal: never }));
  const two = await open();
  assert.deepEqual(await two.load(zstdCompressSync(saved)), ['app:1']);
  assert.equal(two.images.get('app:1').id, one.images.get('app:1').id);
  assert.deepEqual(two.images.get('app:1').layers, [`sha256:${sha256(base)}`, `sha256:${sha256(top)}`]);
});

test('a hostile archive is refused with a sentence, and leaves nothing behind', async () => {
  const { images, trash, load, layers, dataRoot } = await open();
  const cases: [Buffer, RegExp][] = [
    [imageArchive([tar(file('../../escape'))], ['a']), /'\.\.\/\.\.\/escape' leads out/],
    [imageArchive([tar({ type: 'hardLink', name: 'h', link: '../../../etc/shadow' })], ['a']), /leads out/],
    [imageArchive([tar({ type: 'hardLink', name: 'h', link: 'nothing' })], ['a']), /not there/],
    [imageArchive([tar(file('f'), file('f/g'))], ['a']), /'f\/g' can't be unpacked there/],
    [imageArchive([tar(file('n'.repeat(300)))], ['a']), /ENAMETOOLONG/],
    [imageArchive([tar(file('a', 'x'.repeat(5000))).subarray(0, 2000)], ['a']), /ends too early/],
    [tar(file('manifest.json', '[{"Config":"c.json","RepoTags":["a"],"Layers":["l"]}]')), /no configuration c\.json/],
    [tar(file('manifest.json', '{')), /manifest\.json is not JSON/],
    [Buffer.alloc(4096, 'q'), /not a tar/],
    [imageArchive([tar(file('ok'))], ['Not/Valid']), /must be lowercase/],
  ];
  for (const [archive, message] of cases)
    await assert.rejects(load(archive), (error: Error) => message.test(error.message) || assert.fail(`${message}: ${error.message}`));
  await trash.idle();
  assert.deepEqual([images.list(), layers(), readdirSync(join(dataRoot, 'tmp'))], [[], [], []]);
});

test('a layer whose digest the configuration does not name is refused', async () => {
  const { load, layers } = await open();
  const archive = imageArchive([tar(file('a'))], ['a']);
  const at = archive.indexOf('sha256:') + 'sha256:'.length;
  archive.write('0'.repeat(64), at, 'latin1');
  await assert.rejects(load(archive), /diff id sha256:.* the configuration wants sha256:0000/);
  assert.deepEqual(layers(), []);
});

test('links in a layer lead nowhere outside, and absolute names stay inside', async () => {
  const { images, load, dataRoot } = await open();
  const outside = join(dataRoot, 'outside');
  writeFileSync(outside, 'safe');
  await load(
    imageArchive(
      [
        tar(
          { type: 'symbolicLink', name: 'out', link: dataRoot },
          file('out/outside', 'changed'),
          file('/abs', 'in'),
          { type: 'symbolicLink', name: 'up', link: '../../../..' },
          file('up/tmp-file', 'in'),
        ),
      ],
      ['a'],
    ),
  );
  assert.equal(readFileSync(outside, 'utf8'), 'safe');
  const id = randomIds().next();
  await images.layers.create(id, 'a');
  const root = await images.layers.mount(id);
  assert.equal(readFileSync(join(root, 'abs'), 'utf8'), 'in');
  assert.equal(readFileSync(join(root, 'tmp-file'), 'utf8'), 'in');
  await images.layers.remove(id);
});

test('containers see the layers with their attributes, and their changes are told as Docker does', async () => {
  const { images, load } = await open();
  const base = tar(
    directory('d/'),
    file('d/kept'),
    file('d/gone'),
    file('d/edited'),
    directory('o/'),
    file('o/hidden'),
    file('suid', 's', { mode: 0o4755, uid: 5, gid: 6, modified: 1_600_000_000n * 1_000_000_000n }),
  );
  await load(imageArchive([base, tar(file('o/.wh..wh..opq', ''), file('o/new'), file('d/.wh.gone', ''))], ['a:latest']));
  const id = randomIds().next();
  await images.layers.create(id, 'a');
  assert.deepEqual(await images.layers.changes(id), []);
  const root = await images.layers.mount(id);
  assert.equal(await images.layers.mount(id), root);
  assert.deepEqual([readdirSync(join(root, 'd')).sort(), readdirSync(join(root, 'o'))], [['edited', 'kept'], ['new']]);
  const stat = statSync(join(root, 'suid'));
  assert.deepEqual([stat.mode & 0o7777, stat.uid, stat.gid, stat.mtimeMs], [0o4755, 5, 6, 1_600_000_000_000]);
  writeFileSync(join(root, 'd/edited'), 'more');
  rmSync(join(root, 'd/kept'));
  writeFileSync(join(root, 'added'), '12345');
  assert.deepEqual(await images.layers.changes(id), [
    { path: '/added', kind: 1 },
    { path: '/d', kind: 0 },
    { path: '/d/edited', kind: 0 },
    { path: '/d/kept', kind: 2 },
  ]);
  assert.deepEqual(await images.layers.list(), [{ containerId: id, mounted: true }]);
  const exported = await collect((output) => images.layers.export(id, output, never));
  await images.layers.unmount(id);
  const again = await collect((output) => images.layers.export(id, output, never));
  assert.equal(sha256(again), sha256(exported));
  const imported = await images.import(Readable.from([exported], { objectMode: false }), {
    reference: 'flat',
    version: '1',
    message: 'm',
    changes: ['CMD ["x"]'],
    signal: never,
  });
  assert.deepEqual(imported.config.cmd, ['x']);
  await images.layers.remove(id);
  assert.deepEqual(await images.layers.list(), []);
});

test('remove() follows the rules of names, containers and shared layers', async () => {
  const { images, load, layers } = await open();
  const shared = tar(file('shared'));
  await load(imageArchive([shared], ['one:latest', 'one:2']));
  await load(imageArchive([shared, tar(file('own'))], ['two:latest']));
  const none = { force: false, prune: true, usedBy: () => [] };
  const used = (running: boolean) => ({ force: false, prune: true, usedBy: () => [{ containerId: 'c'.repeat(64), running }] });
  const { id, layers: diffIds } = images.get('one');
  assert.throws(() => images.get('nothing'), /^GantryError: No such image: nothing:latest$/);
  await assert.rejects(images.remove(id, none), /unable to delete .* \(must be forced\) - image is referenced in multiple repositories/);
  assert.deepEqual(await images.remove('one:2', none), [{ untagged: 'one:2' }]);
  await assert.rejects(
    images.remove('one', used(false)),
    /unable to remove repository reference "one" \(must force\) - container cccccccccccc is using its referenced image/,
  );
  await assert.rejects(
    images.remove(id.slice(7, 19), { ...used(true), force: true }),
    /\(cannot be forced\) - image is being used by running container cccccccccccc/,
  );
  assert.deepEqual(await images.remove('one', none), [{ untagged: 'one:latest' }, { deleted: id }]);
  assert.equal(layers().length, 2, 'the shared layer stays');
  const removed = await images.remove('two', none);
  assert.equal(removed.at(-1)?.deleted, diffIds[0], 'the chain id of the lowest layer is its diff id');
  assert.deepEqual(layers(), []);
});

test('a tag moves from image to image, and events tell of it', async () => {
  const { images, load } = await open();
  const events: string[] = [];
  images.onEvent((action, _, { name }) => events.push(`${action} ${name}`));
  await load(imageArchive([tar(file('1'))], ['a:latest']));
  await load(imageArchive([tar(file('2'))], ['b:latest']));
  const old = images.get('a').id;
  await images.tag('b', 'docker.io/library/a:latest');
  assert.equal(images.get('a').id, images.get('b').id);
  assert.deepEqual(images.get(old).tags, []);
  const { removed } = await images.prune({ filter: (image) => image.tags.length === 0, usedBy: () => [] });
  assert.equal(removed[0]?.deleted, old);
  assert.deepEqual(events.slice(2), ['tag a:latest', `delete ${old}`]);
});

test('a damaged blob or layer is an error that names it; the others still work', async () => {
  const { load, images, dataRoot, store } = await open();
  await load(imageArchive([tar(file('good'))], ['good:latest']));
  await load(imageArchive([tar(file('bad'))], ['bad:latest']));
  await load(imageArchive([tar(file('worse'))], ['worse:latest']));
  const blob = images.get('bad').id;
  const [layer = ''] = images.get('worse').layers;
  writeFileSync(join(dataRoot, 'images/blobs/sha256', blob.slice(7)), '{}');
  rmSync(join(dataRoot, 'layers', layer.slice(7, 33), 'layer.json'));
  const again = await open(dataRoot, store);
  assert.deepEqual(
    again.images.list().map((image) => image.tags),
    [['good:latest']],
  );
  assert.throws(() => again.images.get('bad'), new RegExp(`bad:latest is damaged: blob ${blob} is damaged`));
  assert.throws(() => again.images.get('worse'), new RegExp(`worse:latest is damaged: layer ${layer} is missing or damaged`));
  await again.load(imageArchive([tar(file('worse'))], ['worse:latest']));
  assert.deepEqual(again.images.get('worse').tags, ['worse:latest']);
  assert.deepEqual((await again.images.remove('bad', { force: true, prune: true, usedBy: () => [] }))[0], { untagged: 'bad:latest' });
  const tree = join(dataRoot, 'layers', (again.images.get('good').layers[0] ?? '').slice(7, 33), 'diff/good');
  writeFileSync(tree, 'y');
  await assert.rejects(
    collect((output) => again.images.save(['good'], () => output, { signal: never })),
    /layer sha256:.* is missing or damaged/,
  );
});

test('what was half-made when the daemon was killed is gone at the next start', async () => {
  const { load, images, trash, dataRoot, store } = await open();
  await load(imageArchive([tar(file('a'))], ['a:latest']));
  const abort = new AbortController();
  const endless = Readable.from(
    (async function* () {
      yield encodeTarHeader({ type: 'file', name: 'x/layer.tar', size: 10_000_000 });
      yield encodeTarHeader({ type: 'file', name: 'big', size: 9_000_000 });
      yield Buffer.alloc(1_000_000);
      await new Promise((resolve) => setTimeout(resolve, 300));
      abort.abort(new Error('cancelled by the test'));
      await new Promise((resolve) => setTimeout(resolve, 50));
      yield Buffer.alloc(1_000_000);
    })(),
    { objectMode: false },
  );
  await assert.rejects(images.load(endless, { progress: () => {}, signal: abort.signal }), /cancelled by the test/);
  await trash.idle();
  assert.deepEqual(readdirSync(join(dataRoot, 'tmp')), []);
  writeFileSync(join(dataRoot, 'tmp/leftover'), 'x');
  const again = await open(dataRoot, store);
  await again.trash.idle();
  assert.deepEqual(readdirSync(join(dataRoot, 'tmp')), []);
  assert.equal(again.images.list().length, 1);
});

test('a full disk is a clear error that undoes the work and leaves the rest working', async () => {
  const dataRoot = mkdtempSync(join(tmpdir(), 'gantry-images-'));
  mountTmpfs(dataRoot, { size: 8 * 1024 * 1024 });
  try {
    const { images, trash, load } = await open(dataRoot);
    await load(imageArchive([tar(file('small'))], ['small:latest']));
    const many = Array.from({ length: 12 }, (_, i) => file(`big${i}`, Buffer.alloc(1024 * 1024, i)));
    await assert.rejects(load(imageArchive([tar(...many)], ['big:latest'])), /no space left on device/);
    await trash.idle();
    assert.deepEqual(readdirSync(join(dataRoot, 'tmp')), []);
    assert.deepEqual(await load(imageArchive([tar(file('other'))], ['other:latest'])), ['other:latest']);
    assert.deepEqual(
      images
        .list()
        .map((image) => image.tags[0])
        .sort(),
      ['other:latest', 'small:latest'],
    );
    await trash.idle();
  } finally {
    await unmount(dataRoot, { lazy: true });
  }
});

test('an image of 128 layers is mounted, each layer over those below', async () => {
  const { images, trash, load } = await open();
  const layers = Array.from({ length: 128 }, (_, i) => tar(file(`own${i}`), file('top', String(i))));
  await load(imageArchive(layers, ['deep:latest']));
  const id = randomIds().next();
  await images.layers.create(id, 'deep');
  const root = await images.layers.mount(id);
  assert.equal(readFileSync(join(root, 'top'), 'utf8'), '127');
  assert.equal(readdirSync(root).filter((name) => name.startsWith('own')).length, 128);
  writeFileSync(join(root, 'own5'), 'changed');
  assert.deepEqual(await images.layers.changes(id), [{ path: '/own5', kind: 0 }]);
  await images.layers.remove(id);
  await trash.idle();
});

test('load() reads archives of Docker before 1.10, and OCI layouts with nested indexes', async () => {
  const { images, load } = await open();
  const [lower, upper] = ['1'.repeat(64), '2'.repeat(64)];
  const step = (id: string, more: object) => file(`${id}/json`, JSON.stringify({ id, os: 'linux', architecture: 'amd64', ...more }));
  const old = tar(
    step(lower, { container_config: { Cmd: ['base'] } }),
    file(`${lower}/layer.tar`, tar(file('low'))),
    step(upper, { parent: lower, config: { Cmd: ['run'] } }),
    file(`${upper}/layer.tar`, tar(file('up'))),
    file('repositories', JSON.stringify({ old: { v1: upper } })),
  );
  assert.deepEqual(await load(old), ['old:v1']);
  const image = images.get('old:v1');
  assert.deepEqual([image.config.cmd, image.layers.length, image.history[0]?.createdBy], [['run'], 2, 'base']);
  await assert.rejects(
    load(tar(step(lower, { parent: lower }), file('repositories', JSON.stringify({ loop: { v1: lower } })))),
    /chain of parents/,
  );

  const layer = tar(file('oci'));
  const config = Buffer.from(
    JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] } }),
  );
  const packed = gzipSync(layer);
  const describe = (mediaType: string, data: Buffer, more: object = {}) => ({
    mediaType: `application/vnd.oci.image.${mediaType}`,
    digest: `sha256:${sha256(data)}`,
    size: data.length,
    ...more,
  });
  const manifest = Buffer.from(
    JSON.stringify({ schemaVersion: 2, config: describe('config.v1+json', config), layers: [describe('layer.v1.tar+gzip', packed)] }),
  );
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const nested = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      manifests: [
        { ...describe('manifest.v1+json', Buffer.from('other')), platform: { os: 'linux', architecture: 's390x' } },
        describe('manifest.v1+json', manifest, { platform: { os: 'linux', architecture } }),
      ],
    }),
  );
  const index = {
    schemaVersion: 2,
    manifests: [describe('index.v1+json', nested, { annotations: { 'io.containerd.image.name': 'docker.io/library/oci:1' } })],
  };
  const blobs = [config, packed, manifest, nested].map((data) => file(`blobs/sha256/${sha256(data)}`, data));
  assert.deepEqual(await load(tar(...blobs, file('index.json', JSON.stringify(index)), file('oci-layout', '{}'))), ['oci:1']);
  assert.equal(images.get('oci:1').id, `sha256:${sha256(config)}`);
});
