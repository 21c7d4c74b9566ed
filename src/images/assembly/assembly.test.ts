import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { randomIds, sha256, silentLog, systemClock, type TarHeader, tarEntries } from '../../base/index.ts';
import { Trash } from '../../host/index.ts';
import { memoryStore } from '../../store/index.ts';
import { createImages } from '../index.ts';

const signal = new AbortController().signal;
const EMPTY_TAR = 'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef';

async function open() {
  const dataRoot = mkdtempSync(join(tmpdir(), 'gantry-assembly-'));
  const store = memoryStore();
  const common = { clock: systemClock(), ids: randomIds(), log: silentLog };
  const start = async () => {
    const trash = await Trash.open(dataRoot, common);
    const images = await createImages({ ...common, ...{ dataRoot, store, trash }, insecureRegistries: [], registryMirrors: [] });
    return { images, trash };
  };
  const { images, trash } = await start();
  const used: string[] = [];
  return {
    ...{ dataRoot, images, trash, store, start },
    id: () => {
      used.push(randomIds().next().padEnd(64, '0'));
      return used.at(-1) as string;
    },
    async [Symbol.asyncDispose]() {
      for (const id of used) await images.layers.remove(id);
      await trash.idle();
      rmSync(dataRoot, { recursive: true, force: true });
    },
  };
}

type Home = Awaited<ReturnType<typeof open>>;

/** A layer on top of others, with what `fill` puts into the mounted root. */
async function layerOf(
  home: Home,
  below: string[],
  fill: (root: string) => void,
  more: { consume?: boolean; sourceDateEpoch?: number } = {},
) {
  const { layers, assembly } = home.images;
  const id = home.id();
  const lease = assembly.lease();
  await assembly.createRoot(id, below);
  fill(await layers.mount(id));
  await layers.unmount(id);
  const layer = await assembly.capture(id, { lease, consume: true, keepEmpty: true, signal, ...more });
  assert.ok(layer);
  return { id, lease, layer };
}

async function tarOf(home: Home, diffId: string): Promise<{ bytes: Buffer; headers: TarHeader[] }> {
  const pieces: Buffer[] = [];
  for await (const piece of home.images.assembly.openLayer(diffId, signal)) pieces.push(piece as Buffer);
  const bytes = Buffer.concat(pieces);
  const headers: TarHeader[] = [];
  for await (const { header } of tarEntries(Readable.from([bytes], { objectMode: false }))) headers.push(header);
  return { bytes, headers };
}

test('capture() tells what a root adds, and the tar that comes out has the diff id', async () => {
  await using home = await open();
  const base = await layerOf(home, [], (root) => {
    mkdirSync(join(root, 'a/deep'), { recursive: true });
    writeFileSync(join(root, 'a/gone'), 'x');
    writeFileSync(join(root, 'a/deep/kept'), 'x');
    mkdirSync(join(root, 'again'));
    writeFileSync(join(root, 'again/old'), 'x');
  });
  const top = await layerOf(home, [base.layer.diffId], (root) => {
    unlinkSync(join(root, 'a/gone'));
    rmSync(join(root, 'again'), { recursive: true });
    mkdirSync(join(root, 'again'));
    writeFileSync(join(root, 'again/new'), 'hello');
    linkSync(join(root, 'again/new'), join(root, 'z-link'));
    symlinkSync('new', join(root, 'again/symbolic'));
    chmodSync(join(root, 'again/new'), 0o4755);
    writeFileSync(join(root, `again/${'long-'.repeat(30)}ö`), '');
  });
  const { bytes, headers } = await tarOf(home, top.layer.diffId);
  assert.equal(`sha256:${sha256(bytes)}`, top.layer.diffId);
  assert.equal(bytes.length, top.layer.tarSize);
  assert.equal(top.layer.size, 'hello'.length + 'new'.length);
  assert.deepEqual(
    headers.map(({ name, type }) => `${type} ${name}`),
    [
      'directory a/',
      'file a/.wh.gone',
      'directory again/',
      'file again/.wh..wh..opq',
      `file again/${'long-'.repeat(30)}ö`,
      'file again/new',
      'symbolicLink again/symbolic',
      'hardLink z-link',
    ],
  );
  const shown = await home.images.assembly.mountLayers(home.id(), [base.layer.diffId, top.layer.diffId]);
  assert.deepEqual(readdirSync(shown), ['a', 'again', 'z-link']);
  assert.deepEqual(readdirSync(join(shown, 'a')), ['deep']);
  assert.equal(existsSync(join(shown, 'again/old')), false);
  assert.equal(statSync(join(shown, 'z-link')).mode & 0o7777, 0o4755);
  assert.throws(() => writeFileSync(join(shown, 'a/new'), ''), /EROFS/);
});

test('capture() makes the same layer by copying as by moving, and leaves what it copied as it was', async () => {
  await using home = await open();
  const { layers, assembly } = home.images;
  const id = home.id();
  await assembly.createRoot(id, []);
  const root = await layers.mount(id);
  mkdirSync(join(root, 'bin'));
  writeFileSync(join(root, 'bin/tool'), 'x'.repeat(1_000_000), { mode: 0o755 });
  linkSync(join(root, 'bin/tool'), join(root, 'bin/other'));
  symlinkSync('/nowhere', join(root, 'link'));
  utimesSync(join(root, 'bin/tool'), 1_600_000_000.75, 1_600_000_000.75);
  await using lease = assembly.lease();
  const copied = await assembly.capture(id, { lease, consume: false, signal });
  assert.equal(statSync(join(root, 'bin/tool')).mtimeMs, 1_600_000_000_750);
  await layers.unmount(id);
  const moved = await assembly.capture(id, { lease, consume: true, signal });
  assert.equal(moved?.diffId, copied?.diffId);
  const { bytes } = await tarOf(home, copied?.diffId ?? '');
  assert.equal(`sha256:${sha256(bytes)}`, copied?.diffId);
});

test('capture() of an untouched root is undefined, or with keepEmpty the empty layer', async () => {
  await using home = await open();
  const id = home.id();
  await home.images.assembly.createRoot(id, []);
  await using lease = home.images.assembly.lease();
  assert.equal(await home.images.assembly.capture(id, { lease, consume: false, signal }), undefined);
  assert.equal((await home.images.assembly.capture(id, { lease, consume: false, keepEmpty: true, signal }))?.diffId, EMPTY_TAR);
});

test('capture() with a source date gives the same layer at another time, and its files that time', async () => {
  await using home = await open();
  const fill = (seconds: number) => (root: string) => {
    writeFileSync(join(root, 'new'), 'x');
    writeFileSync(join(root, 'old'), 'x');
    utimesSync(join(root, 'new'), seconds, seconds);
    utimesSync(join(root, 'old'), 1000, 1000);
  };
  const first = await layerOf(home, [], fill(1_700_000_000), { sourceDateEpoch: 1_600_000_000 });
  const second = await layerOf(home, [], fill(1_710_000_000), { sourceDateEpoch: 1_600_000_000 });
  assert.equal(second.layer.diffId, first.layer.diffId);
  const shown = await home.images.assembly.mountLayers(home.id(), [first.layer.diffId]);
  assert.equal(statSync(join(shown, 'new')).mtimeMs, 1_600_000_000_000);
  assert.equal(statSync(join(shown, 'old')).mtimeMs, 1_000_000);
});

test('capture() that is broken off leaves nothing behind', async () => {
  await using home = await open();
  const id = home.id();
  await home.images.assembly.createRoot(id, []);
  writeFileSync(join(await home.images.layers.mount(id), 'large'), Buffer.alloc(200 * 1024 * 1024));
  const abort = new AbortController();
  await using lease = home.images.assembly.lease();
  const capture = home.images.assembly.capture(id, { lease, consume: false, signal: abort.signal });
  abort.abort(new Error('no longer wanted'));
  await assert.rejects(capture, /no longer wanted/);
  await home.trash.idle();
  assert.deepEqual(readdirSync(join(home.dataRoot, 'tmp')), []);
  assert.equal(readFileSync(join(home.images.layers.path(id), 'large')).length, 200 * 1024 * 1024);
});

test('a pin keeps a layer that no image names, over a restart, until it is taken away; a damaged one harms nobody', async () => {
  await using home = await open();
  const { id, lease, layer } = await layerOf(home, [], (root) => writeFileSync(join(root, 'file'), 'x'));
  await home.images.assembly.pin('cache/1', [layer.diffId]);
  await lease[Symbol.asyncDispose]();
  await home.images.layers.remove(id);
  await home.store.create('layer-pin', 'damaged', { layers: 7 });
  const { images: again, trash } = await home.start();
  assert.deepEqual(again.assembly.pins(), [{ owner: 'cache/1', layers: [layer.diffId] }]);
  assert.equal(again.assembly.layer(layer.diffId)?.size, 1);
  assert.equal(again.assembly.inImage(layer.diffId), false);
  await again.assembly.unpin('cache/1');
  assert.equal(again.assembly.layer(layer.diffId), undefined);
  await trash.idle();
});
