import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { ftruncateSync, linkSync, mkdirSync, mkdtempSync, openSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { unpackTree } from './archive/index.ts';
import { diskUsage } from './disk-usage.ts';
import { mountTmpfs, unmount } from './mounts.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gantry-host-'));
});
afterEach(() => execFileSync('rm', ['-rf', root]));

const du = (path: string) => Number(execFileSync('du', ['-sx', '--block-size=1', path], { encoding: 'utf8' }).split('\t')[0]);

test('diskUsage() counts blocks, and hard links once', async () => {
  const folder = join(root, 'usage');
  mkdirSync(folder);
  writeFileSync(join(folder, 'a'), Buffer.alloc(100_000, 1));
  const one = await diskUsage(folder);
  linkSync(join(folder, 'a'), join(folder, 'b'));
  const two = await diskUsage(folder);
  assert.equal(one.inodes, 2);
  assert.ok(one.bytes >= 100_000);
  assert.equal(one.length, 100_000);
  assert.deepEqual(two, one);
  assert.deepEqual(await diskUsage(join(root, 'missing')), { bytes: 0, length: 0, inodes: 0 });
});

test('diskUsage() is what du says: small trees and large ones, sparse files, names that are not UTF-8, and paths longer than the kernel takes', async () => {
  const sparse = openSync(join(root, 'sparse'), 'w');
  ftruncateSync(sparse, 1 << 30);
  symlinkSync('x'.repeat(200), join(root, 'link'));
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xfe])]), Buffer.alloc(10_000, 1));
  assert.equal((await diskUsage(root)).bytes, du(root));
  for (let count = 0; count < 30; count += 1) {
    mkdirSync(join(root, `${count}`));
    for (let file = 0; file < 20; file += 1) writeFileSync(join(root, `${count}/${file}`), Buffer.alloc(file * 1000, 1));
  }
  assert.equal((await diskUsage(root)).bytes, du(root));
  const name = 'd'.repeat(200);
  execFileSync('sh', ['-c', `for i in $(seq 30); do mkdir ${name}; cd ${name}; done; echo hello > file`], { cwd: root });
  assert.equal((await diskUsage(root)).bytes, du(root));
});

test('diskUsage() takes a tree that is deeper than any stack of calls', async () => {
  // In memory: making it on a disk takes its time.
  mountTmpfs(root);
  const home = process.cwd();
  try {
    process.chdir(root);
    for (let depth = 0; depth < 20_000; depth += 1) {
      mkdirSync('directory');
      process.chdir('directory');
    }
    process.chdir(home);
    assert.equal((await diskUsage(root)).inodes, 20_001);
  } finally {
    process.chdir(home);
    await unmount(root);
  }
});

test('diskUsage() does not wait behind archives that stream in', async () => {
  for (let count = 0; count < 300; count += 1) writeFileSync(join(root, `${count}`), '');
  const stop = new AbortController();
  const endless = async function* () {
    stop.signal.throwIfAborted();
    await new Promise((_, reject) => stop.signal.addEventListener('abort', () => reject(stop.signal.reason)));
    yield Buffer.alloc(0);
  };
  const target = mkdtempSync(join(root, 'target-'));
  const unpacking = [1, 2].map(() => assert.rejects(unpackTree(endless(), { root: target, path: '/', signal: stop.signal }), /enough/));
  try {
    assert.equal((await diskUsage(root)).inodes, 302);
  } finally {
    stop.abort(new Error('enough'));
    await Promise.all(unpacking);
  }
});
