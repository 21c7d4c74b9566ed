import assert from 'node:assert/strict';
import { lstatSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { deviceNumber } from '../cgroups/hierarchies.ts';
import { getXattr, listXattrs, mknod, setTimes, setXattr } from './index.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gantry-host-'));
});
afterEach(() => rmSync(root, { recursive: true }));

test('setTimes() sets nanoseconds on a link itself, also before 1970', () => {
  const link = join(root, 'link');
  symlinkSync('/nowhere', link);
  setTimes(link, 1_234_567_890_123_456_789n, -1n);
  const { atimeNs, mtimeNs } = lstatSync(link, { bigint: true });
  assert.deepEqual([atimeNs, mtimeNs], [1_234_567_890_123_456_789n, -1n]);
});

test('mknod() makes devices with large numbers and pipes', () => {
  mknod(join(root, 'device'), 0o020666, { major: 0x123, minor: 0x54321 });
  assert.equal(deviceNumber(join(root, 'device')), `${0x123}:${0x54321}`);
  mknod(join(root, 'pipe'), 0o010600, { major: 0, minor: 0 });
  assert.equal(lstatSync(join(root, 'pipe')).isFIFO(), true);
});

test('attributes go in and out as bytes, and errors look like those of Node', () => {
  const file = join(root, 'file');
  writeFileSync(file, '');
  setXattr(file, 'trusted.gantry', Buffer.from([0, 255, 1]));
  assert.deepEqual(getXattr(file, 'trusted.gantry'), Buffer.from([0, 255, 1]));
  assert.equal(getXattr(file, 'trusted.other'), undefined);
  assert.ok(listXattrs(file).includes('trusted.gantry'));
  assert.throws(() => setXattr(join(root, 'missing'), 'trusted.a', Buffer.alloc(1)), {
    code: 'ENOENT',
    syscall: 'lsetxattr',
    path: join(root, 'missing'),
  });
});
