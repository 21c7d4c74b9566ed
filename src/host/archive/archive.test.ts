import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { encodeTarHeader, type NewTarEntry, paddingOf, sha256, tarEnd } from '../../base/index.ts';
import { getXattr, mknod, setXattr } from '../kernel/index.ts';
import { copyTree, packTree, rebuildLayer, unpackLayer, unpackTree } from './index.ts';

type File = NewTarEntry & { content?: string };

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'gantry-archive-'));
  folders.push(made);
  return made;
}

function tar(...entries: File[]): Buffer {
  const parts = entries.map((entry) => {
    const content = Buffer.from(entry.content ?? '');
    return Buffer.concat([
      encodeTarHeader({ mode: 0o644, ...entry, size: content.length }, { nanoseconds: true }),
      content,
      Buffer.alloc(paddingOf(content.length)),
    ]);
  });
  return Buffer.concat([...parts, tarEnd()]);
}

async function* chunks(data: Buffer, size = 1000): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}

async function collect(source: AsyncIterable<unknown>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of source) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

const layerPlace = () => {
  const root = folder();
  mkdirSync(join(root, 'tree'));
  return { tree: join(root, 'tree'), recipe: join(root, 'recipe'), displaced: join(root, 'displaced') };
};

/** A directory with one of everything. */
function sample(): string {
  const root = folder();
  mkdirSync(join(root, 'd'));
  writeFileSync(join(root, 'd/file'), 'content'.repeat(100_000));
  chownSync(join(root, 'd/file'), 12, 34);
  chmodSync(join(root, 'd/file'), 0o4751);
  linkSync(join(root, 'd/file'), join(root, 'second'));
  symlinkSync('../../../outside', join(root, 'link'));
  mknod(join(root, 'device'), 0o020600, { major: 1, minor: 300 });
  mknod(join(root, 'pipe'), 0o010600, { major: 0, minor: 0 });
  setXattr(join(root, 'd'), 'user.note', Buffer.from([1, 0, 2]));
  setXattr(join(root, 'd'), 'trusted.overlay.opaque', Buffer.from('y'));
  chmodSync(join(root, 'd'), 0o1770);
  utimesSync(join(root, 'd'), 1_500_000_000, 1_500_000_000);
  return root;
}

function checkSample(root: string): void {
  const file = statSync(join(root, 'd/file'));
  assert.deepEqual([file.mode & 0o7777, file.uid, file.gid, file.nlink, file.size], [0o4751, 12, 34, 2, 700_000]);
  assert.equal(file.ino, statSync(join(root, 'second')).ino);
  assert.equal(readlinkSync(join(root, 'link')), '../../../outside');
  assert.equal(lstatSync(join(root, 'device')).rdev, (1 << 8) | 44 | (256 << 12));
  assert.ok(lstatSync(join(root, 'pipe')).isFIFO());
  assert.deepEqual([...(getXattr(join(root, 'd'), 'user.note') ?? [])], [1, 0, 2]);
  assert.equal(getXattr(join(root, 'd'), 'trusted.overlay.opaque'), undefined);
  const directory = statSync(join(root, 'd'));
  assert.deepEqual([directory.mode & 0o7777, directory.mtimeMs], [0o1770, 1_500_000_000_000]);
}

test('packTree() and unpackTree() carry owners, modes, times, links, devices and attributes', async () => {
  const source = sample();
  const packed = await collect(packTree({ root: source, path: '/', name: '' }));
  const target = folder();
  await unpackTree(chunks(packed), { root: target, path: '/' });
  checkSample(target);
});

test('packTree() names a file, a directory and a link as it is told', async () => {
  const source = sample();
  const target = folder();
  for (const [path, name] of [
    ['d', 'renamed'],
    ['link', 'l'],
    ['second', 's'],
  ] as const)
    await unpackTree(packTree({ root: source, path, name }), { root: target, path: '' });
  assert.deepEqual(readdirSync(target).sort(), ['l', 'renamed', 's']);
  assert.ok(existsSync(join(target, 'renamed/file')));
  await assert.rejects(collect(packTree({ root: source, path: 'missing/file', name: 'x' })), /ENOENT/);
});

test('copyTree() makes the same tree', async () => {
  const source = sample();
  const target = folder();
  await copyTree(source, '/', target);
  checkSample(target);
});

test('unpackTree() never leaves its root, whatever links are there', async () => {
  const target = folder();
  const outside = folder();
  writeFileSync(join(outside, 'file'), 'safe');
  symlinkSync(outside, join(target, 'absolute'));
  symlinkSync(`../${outside.split('/').at(-1)}`, join(target, 'relative'));
  symlinkSync(join(outside, 'file'), join(target, 'direct'));
  await unpackTree(chunks(tar({ type: 'file', name: 'absolute/file', content: 'in' }, { type: 'file', name: 'direct', content: 'in' })), {
    root: target,
    path: '/',
  });
  await assert.rejects(
    unpackTree(chunks(tar({ type: 'file', name: '../file', content: 'out' })), { root: target, path: '/' }),
    /leads out of the archive's root/,
  );
  await assert.rejects(unpackTree(chunks(tar({ type: 'hardLink', name: 'h', link: '../file' })), { root: target, path: '/' }), /leads out/);
  assert.equal(readFileSync(join(outside, 'file'), 'utf8'), 'safe');
  assert.equal(readFileSync(join(target, outside, 'file'), 'utf8'), 'in', 'the absolute link was resolved inside the root');
  assert.ok(lstatSync(join(target, 'direct')).isFile());
});

test('a directory swapped for a link while its files are unpacked leads nowhere', async () => {
  const target = folder();
  const outside = folder();
  mkdirSync(join(target, 'd'));
  async function* slowly() {
    const archive = tar(
      { type: 'file', name: 'd/first', content: '1' },
      { type: 'file', name: 'd/second', content: '2' },
      { type: 'file', name: 'd/sub/third', content: '3' },
    );
    yield archive.subarray(0, 1024);
    await new Promise((resolve) => setTimeout(resolve, 100));
    renameSync(join(target, 'd'), join(target, 'moved'));
    symlinkSync(outside, join(target, 'd'));
    yield archive.subarray(1024);
  }
  await unpackTree(slowly(), { root: target, path: '/' });
  assert.deepEqual(readdirSync(outside), []);
  assert.deepEqual(readdirSync(join(target, 'moved')).sort(), ['first', 'second']);
});

test('unpackTree() with noOverwriteDirNonDir keeps directories directories; without, it replaces them', async () => {
  const target = folder();
  mkdirSync(join(target, 'd/below'), { recursive: true });
  writeFileSync(join(target, 'f'), 'x');
  const over = (entry: File, noOverwriteDirNonDir: boolean) =>
    unpackTree(chunks(tar(entry)), { root: target, path: '/', noOverwriteDirNonDir });
  await assert.rejects(over({ type: 'file', name: 'd' }, true), /cannot overwrite directory "d" with non-directory/);
  await assert.rejects(over({ type: 'directory', name: 'f/' }, true), /cannot overwrite non-directory "f\/" with directory/);
  await over({ type: 'file', name: 'd', content: 'now a file' }, false);
  await over({ type: 'directory', name: 'f/' }, false);
  assert.equal(readFileSync(join(target, 'd'), 'utf8'), 'now a file');
  assert.ok(statSync(join(target, 'f')).isDirectory());
});

test('rebuildLayer() gives every byte back, also of archives with duplicates, whiteouts and odd padding', async () => {
  const archive = Buffer.concat([
    tar(
      { type: 'directory', name: './', mode: 0o750 },
      { type: 'file', name: 'same', content: 'first' },
      { type: 'directory', name: 'd/' },
      { type: 'file', name: 'd/inner', content: 'inner' },
      { type: 'file', name: 'same', content: 'second' },
      { type: 'symbolicLink', name: 'd', link: 'e' },
      { type: 'directory', name: 'e/' },
      { type: 'file', name: 'd/via-link', content: 'via' },
      { type: 'file', name: '.wh.note', content: 'content of a whiteout' },
      { type: 'directory', name: '.wh.same/' },
      { type: 'file', name: `${'long/'.repeat(40)}name`, content: 'L', modified: 1_234_567_890_123_456_789n },
      {
        type: 'file',
        name: 'big',
        content: 'B'.repeat(9_000_000),
        xattrs: new Map([
          ['security.capability', Buffer.from('0100000200200000000000000000000000000000', 'hex')],
          ['trusted.overlay.redirect', Buffer.from('/etc')],
          ['user.x', Buffer.from('1')],
        ]),
      },
    ),
    Buffer.alloc(10_240, 0),
    Buffer.from('junk at the end'),
  ]);
  const place = layerPlace();
  await unpackLayer(chunks(archive, 65_536), place);
  assert.equal(sha256(await collect(rebuildLayer(place))), sha256(archive));
  const tree = (path: string) => join(place.tree, path);
  assert.equal(readFileSync(tree('same'), 'utf8'), 'second');
  assert.equal(readFileSync(tree('e/via-link'), 'utf8'), 'via');
  assert.equal(lstatSync(tree('note')).rdev, 0);
  assert.ok(lstatSync(tree('note')).isCharacterDevice());
  assert.equal(lstatSync(tree(`${'long/'.repeat(40)}name`), { bigint: true }).mtimeNs, 1_234_567_890_123_456_789n);
  assert.equal(statSync(place.tree).mode & 0o7777, 0o750);
  assert.equal(getXattr(tree('big'), 'security.capability')?.length, 20);
  assert.equal(getXattr(tree('big'), 'trusted.overlay.redirect'), undefined);
});

test('an aborted unpack fails with the reason, and one whose source fails with the source’s error', async () => {
  const abort = new AbortController();
  async function* endless() {
    yield encodeTarHeader({ type: 'file', name: 'f', size: 1_000_000_000 });
    for (;;) {
      yield Buffer.alloc(65_536);
      abort.abort(new Error('stopped by hand'));
    }
  }
  await assert.rejects(unpackTree(endless(), { root: folder(), path: '/', signal: abort.signal }), /stopped by hand/);
  async function* broken() {
    yield encodeTarHeader({ type: 'file', name: 'f', size: 1_000_000 });
    throw new Error('the connection broke');
  }
  await assert.rejects(unpackTree(broken(), { root: folder(), path: '/' }), /the connection broke/);
});

test('a header that claims more than the disk has is refused before a byte is written', async () => {
  const target = folder();
  await assert.rejects(
    unpackTree(chunks(encodeTarHeader({ type: 'file', name: 'huge', size: 2 ** 50 })), { root: target, path: '/' }),
    /the entry 'huge' claims 1125899906842624 bytes, more than the whole disk has/,
  );
  assert.deepEqual(readdirSync(target), []);
});

test('more jobs than threads wait their turn', async () => {
  const archive = tar({ type: 'file', name: 'f', content: 'x'.repeat(100_000) });
  const targets = Array.from({ length: 8 }, folder);
  await Promise.all(targets.map((root) => unpackTree(chunks(archive), { root, path: '/' })));
  for (const target of targets) assert.equal(statSync(join(target, 'f')).size, 100_000);
});
