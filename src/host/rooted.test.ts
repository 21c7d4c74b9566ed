import assert from 'node:assert/strict';
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { isKind } from '../base/index.ts';
import {
  lstatInRoot,
  mkdirAllInRoot,
  openInRoot,
  openParentInRoot,
  readFileInRoot,
  readlinkInRoot,
  resolveInRoot,
  statInRoot,
  writeFileInRoot,
} from './rooted.ts';

let outside = '';
let root = '';
beforeEach(() => {
  outside = mkdtempSync(join(tmpdir(), 'gantry-host-'));
  root = join(outside, 'root');
  mkdirSync(join(root, 'etc'), { recursive: true });
  writeFileSync(join(outside, 'secret'), 'host');
  writeFileSync(join(root, 'secret'), 'container');
  symlinkSync('../../../../../../secret', join(root, 'etc/up'));
  symlinkSync(join(outside, 'secret'), join(root, 'etc/absolute'));
  symlinkSync('/secret', join(root, 'etc/inside'));
  symlinkSync('/etc', join(root, 'folder'));
  symlinkSync('loop', join(root, 'loop'));
});
afterEach(() => rmSync(outside, { recursive: true }));

test('links, absolute or with dots, never lead out of the root', () => {
  assert.equal(readFileInRoot(root, 'etc/up')?.toString(), 'container');
  assert.equal(readFileInRoot(root, '/etc/inside')?.toString(), 'container');
  assert.equal(readFileInRoot(root, '/folder/../../secret')?.toString(), 'container');
  assert.equal(readFileInRoot(root, '/etc/absolute'), undefined);
});

test('resolveInRoot() gives the path inside the root, and keeps the last link when asked', () => {
  assert.equal(resolveInRoot(root, 'folder/up'), '/secret');
  assert.equal(resolveInRoot(root, '/folder/inside', { followLast: false }), '/etc/inside');
  assert.equal(resolveInRoot(root, 'folder/../../new/file'), '/new/file');
  assert.throws(() => resolveInRoot(root, 'loop'), /Too many symbolic links in "loop"/);
});

test('statInRoot() follows, lstatInRoot() does not, and nothing is undefined', () => {
  assert.equal(statInRoot(root, 'folder')?.isDirectory(), true);
  assert.equal(lstatInRoot(root, 'folder')?.isSymbolicLink(), true);
  assert.equal(readlinkInRoot(root, '/folder'), '/etc');
  assert.equal(statInRoot(root, 'secret/below'), undefined);
  assert.equal(statInRoot(root, '')?.ino, statSync(root).ino);
});

test('a link to a descriptor of ours is not followed', () => {
  symlinkSync('/proc/self/root/etc/passwd', join(root, 'magic'));
  assert.equal(readFileInRoot(root, 'magic'), undefined);
});

test('readFileInRoot() refuses what is too large or no regular file', () => {
  assert.throws(() => readFileInRoot(root, 'secret', 4), /9 bytes, more than 4/);
  assert.throws(
    () => readFileInRoot(root, 'etc'),
    (error) => isKind(error, 'invalid'),
  );
  assert.equal(readFileInRoot(root, 'secret', 9)?.length, 9);
});

test('writing through a hostile link changes only the inside', () => {
  writeFileInRoot(root, 'etc/up', 'new', { mode: 0o640, uid: 5, gid: 6 });
  assert.equal(readFileSync(join(root, 'secret'), 'utf8'), 'new');
  assert.equal(readFileSync(join(outside, 'secret'), 'utf8'), 'host');
  const { mode, uid, gid } = statSync(join(root, 'secret'));
  assert.deepEqual([mode & 0o777, uid, gid], [0o640, 5, 6]);
});

test('mkdirAllInRoot() makes what is missing behind links, with owner and mode', () => {
  mkdirAllInRoot(root, '/folder/a/b', { mode: 0o2770, uid: 7, gid: 8 });
  const made = lstatSync(join(root, 'etc/a/b'));
  assert.deepEqual([made.mode & 0o7777, made.uid, made.gid], [0o2770, 7, 8]);
  mkdirAllInRoot(root, 'etc/a/b');
  assert.throws(() => mkdirAllInRoot(root, 'secret/x'), { code: 'ENOTDIR' });
});

test('openParentInRoot() and openInRoot() give usable descriptors', () => {
  const parent = openParentInRoot(root, '/folder/created');
  closeSync(openInRoot(root, 'etc/created', constants.O_CREAT | constants.O_WRONLY | constants.O_EXCL, 0o600));
  assert.equal(lstatSync(parent.entry).mode & 0o777, 0o600);
  parent.close();
  assert.throws(() => openParentInRoot(root, 'etc/..'), /does not end in a name/);
});
