import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { isKind } from '../base/index.ts';
import { diskFree, ensureDirectory, lockFile, removeTree, writeFileAtomic } from './files.ts';
import { mountTmpfs, unmount } from './mounts.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gantry-host-'));
});
afterEach(() => rmSync(root, { recursive: true }));

test('writeFileAtomic() replaces contents and mode, and leaves no temporary file', async () => {
  const file = join(root, 'state');
  await writeFileAtomic(file, 'one');
  await writeFileAtomic(file, Buffer.from('two'), { mode: 0o600, fsyncDirectory: true });
  assert.equal(readFileSync(file, 'utf8'), 'two');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  await assert.rejects(writeFileAtomic(join(root, 'missing/x'), ''), /Could not write .*missing\/x/);
  assert.deepEqual(readdirSync(root), ['state']);
});

test('removeTree() removes a tree with hostile names and leaves what its links point to', async () => {
  const tree = join(root, 'inside/tree');
  mkdirSync(join(tree, 'a/b'), { recursive: true });
  writeFileSync(join(root, 'kept'), '');
  symlinkSync(root, join(tree, 'a/link'));
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0xff, 0x0a, 0xfe])]), '');
  for (let index = 0; index < 1500; index += 1) writeFileSync(join(tree, 'a/b', `f${index}`), '');
  await removeTree(join(root, 'inside'), tree);
  await removeTree(join(root, 'inside'), tree);
  assert.deepEqual([existsSync(tree), existsSync(join(root, 'kept'))], [false, true]);
});

test('removeTree() refuses the root itself, what is outside, and what a link leads out to', async () => {
  const inside = join(root, 'inside');
  mkdirSync(join(root, 'other/precious'), { recursive: true });
  mkdirSync(inside);
  symlinkSync(join(root, 'other'), join(inside, 'out'));
  await assert.rejects(removeTree(inside, inside), /not below/);
  await assert.rejects(removeTree(inside, join(inside, '../other')), /not below/);
  await assert.rejects(removeTree(inside, join(inside, 'out/precious')), /leads to .*other\/precious/);
  await assert.rejects(removeTree('/', root), /its root is \//);
  await removeTree(inside, join(inside, 'out'));
  assert.deepEqual(readdirSync(root).sort(), ['inside', 'other']);
  assert.equal(existsSync(join(root, 'other/precious')), true);
});

test('removeTree() removes nothing when something is mounted below', async () => {
  const mounted = join(root, 'tree/mounted');
  mkdirSync(mounted, { recursive: true });
  writeFileSync(join(root, 'tree/file'), '');
  mountTmpfs(mounted);
  try {
    await assert.rejects(removeTree(root, join(root, 'tree')), (error) => isKind(error, 'conflict'));
    assert.equal(existsSync(join(root, 'tree/file')), true);
  } finally {
    await unmount(mounted);
  }
});

test('removeTree() needs few descriptors, however deep a tree is', async () => {
  const tree = join(root, 'deep');
  mkdirSync(tree);
  const home = process.cwd();
  try {
    process.chdir(tree);
    for (let depth = 0; depth < 1500; depth += 1) {
      mkdirSync('directory');
      if (depth % 100 === 0) writeFileSync('file', '');
      process.chdir('directory');
    }
  } finally {
    process.chdir(home);
  }
  const most = setInterval(() => assert.ok(readdirSync('/proc/self/fd').length < 200), 1);
  await removeTree(root, tree);
  clearInterval(most);
  assert.deepEqual(readdirSync(root), []);
});

test('diskFree() tells of the file system below a path', async () => {
  const { total, available } = await diskFree(root);
  assert.ok(total >= available && available > 0);
});

test('ensureDirectory() makes parents and leaves an existing one alone', () => {
  ensureDirectory(join(root, 'a/b'), 0o700);
  ensureDirectory(join(root, 'a/b'), 0o755);
  assert.equal(statSync(join(root, 'a/b')).mode & 0o777, 0o700);
});

test('lockFile() keeps a second holder out and names the first', () => {
  const file = join(root, 'lock');
  const lock = lockFile(file);
  assert.throws(
    () => lockFile(file),
    (error) => isKind(error, 'conflict') && String(error).includes(`process ${process.pid}`),
  );
  lock.release();
  lock.release();
  lockFile(file).release();
});
