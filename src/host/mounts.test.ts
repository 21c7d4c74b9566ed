import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { isKind } from '../base/index.ts';
import { bindMount, isMountPoint, listMounts, mountOverlay, mountTmpfs, parseMountLine, unmount } from './mounts.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gantry-host-'));
  // A tmpfs of our own, so that what a failed test leaves behind goes with one lazy unmount.
  mountTmpfs(root);
});
afterEach(async () => {
  for (const entry of listMounts(root).reverse()) await unmount(entry.target, { lazy: true });
  rmSync(root, { recursive: true });
});

function folder(name: string): string {
  const path = join(root, name);
  mkdirSync(path, { recursive: true });
  return path;
}

function layers(count: number, prefix: string): string[] {
  return Array.from({ length: count }, (_, index) => {
    const path = folder(`${prefix}${index}`);
    writeFileSync(join(path, `file${index}`), String(index));
    writeFileSync(join(path, 'shared'), String(index));
    return path;
  });
}

test('mountOverlay() stacks 128 layers with long names, the first on top', async () => {
  const lower = layers(128, `layers/${'a'.repeat(100)}`);
  const target = folder('merged');
  mountOverlay({ lower, upper: folder('upper'), work: folder('work'), target });
  assert.equal(readFileSync(join(target, 'shared'), 'utf8'), '0');
  assert.equal(readFileSync(join(target, 'file127'), 'utf8'), '127');
  writeFileSync(join(target, 'new'), 'x');
  assert.equal(readFileSync(join(root, 'upper/new'), 'utf8'), 'x');
  await unmount(target);
});

test('mountOverlay() takes paths with the characters that overlayfs gives a meaning', async () => {
  const target = folder('merged');
  mountOverlay({ lower: layers(2, 'odd:,\\'), target });
  assert.equal(readFileSync(join(target, 'file1'), 'utf8'), '1');
  assert.throws(() => writeFileSync(join(target, 'x'), ''), { code: 'EROFS' });
  await unmount(target);
});

test('mountOverlay() names the target when a layer is missing', () => {
  assert.throws(() => mountOverlay({ lower: [join(root, 'missing')], target: folder('merged') }), /Could not mount 1 layers on .*merged/);
});

test('bindMount() read-only covers the mounts below the source', async () => {
  const source = folder('source/inner');
  mountTmpfs(source);
  const target = folder('target');
  bindMount(join(root, 'source'), target, { readonly: true, propagation: 'rprivate' });
  assert.throws(() => writeFileSync(join(target, 'x'), ''), { code: 'EROFS' });
  assert.throws(() => writeFileSync(join(target, 'inner/x'), ''), { code: 'EROFS' });
  writeFileSync(join(source, 'still-writable'), '');
  assert.deepEqual(
    listMounts(target).map((entry) => entry.target),
    [target, join(target, 'inner')],
  );
});

test('bindMount() without recursion leaves the mounts below out', () => {
  const source = folder('source/inner');
  mountTmpfs(source);
  writeFileSync(join(source, 'deep'), '');
  const target = folder('target');
  bindMount(join(root, 'source'), target, { recursive: false });
  assert.equal(existsSync(join(target, 'inner/deep')), false);
});

test('unmount() is idempotent, and refuses a busy mount unless lazy', async () => {
  const target = folder('busy name');
  await unmount(target);
  await unmount(join(root, 'missing'));
  mountTmpfs(target, { size: 65536, mode: 0o700 });
  assert.equal(isMountPoint(target), true);
  const before = process.cwd();
  process.chdir(target);
  try {
    await assert.rejects(unmount(target), (error) => isKind(error, 'conflict'));
    await unmount(target, { lazy: true });
    assert.equal(isMountPoint(target), false);
  } finally {
    process.chdir(before);
  }
});

test('parseMountLine() reads escapes, optional tags and an empty source', () => {
  const entry = parseMountLine('36 35 98:0 /a\\040b /mnt/c\\134d rw,noatime shared:1 master:2 - ext3  rw,errors=continue');
  assert.deepEqual(entry, {
    id: 36,
    parent: 35,
    device: '98:0',
    root: '/a b',
    target: '/mnt/c\\d',
    options: ['rw', 'noatime'],
    shared: true,
    slave: true,
    fstype: 'ext3',
    source: '',
    superOptions: ['rw', 'errors=continue'],
  });
});
