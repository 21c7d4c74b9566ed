import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Listing } from './listing.ts';

const DIRECTORY = 0x80000000 + 0o755;
const SYMLINK = 0x08000000 + 0o777;

type Given = { path: string; mode?: number; linkName?: string; size?: bigint };
const stat = ({ path, mode = 0o644, linkName = '', size = 0n }: Given) => ({
  path,
  mode,
  linkName,
  size,
  modified: 0n,
  uid: 0,
  gid: 0,
  deviceMajor: 0n,
  deviceMinor: 0n,
});
const listed = (...given: Given[]) => {
  const listing = new Listing();
  return given.map((entry) => listing.next(stat(entry)));
};

describe('the list of a client', () => {
  it('is taken in the order of a walk, in which "a/b" comes before "a.b"', () => {
    const entries = listed(
      { path: 'a', mode: DIRECTORY },
      { path: 'a/b', mode: 0o4755 + 0x00800000, size: 3n },
      { path: 'a.b', linkName: 'a/b' },
      { path: 'z', mode: SYMLINK, linkName: '../..' },
    );
    assert.deepEqual(
      entries.map((entry) => `${entry?.path} ${entry?.type} ${entry?.mode.toString(8)} ${entry?.size} ${entry?.linkName}`),
      ['a directory 755 0 ', 'a/b file 4755 3 ', 'a.b hardlink 644 0 a/b', 'z symlink 777 0 ../..'],
    );
  });

  it('may hold sockets, which are left out', () => {
    assert.deepEqual(listed({ path: 's', mode: 0x01000000 }), [undefined]);
  });

  for (const [what, ...given] of [
    ['a path that leads out', { path: '../x' }],
    ['a path in the middle of which is a way up', { path: 'a', mode: DIRECTORY }, { path: 'a/../b' }],
    ['an absolute path', { path: '/etc/passwd' }],
    ['an empty path', { path: '' }],
    ['a path with a zero byte', { path: 'a\0b' }],
    ['a name that no file system takes', { path: 'x'.repeat(256) }],
    ['one file twice', { path: 'a' }, { path: 'a' }],
    ['files out of order', { path: 'b' }, { path: 'a' }],
    ['a file below a file', { path: 'a' }, { path: 'a/b' }],
    ['a file below a link', { path: 'a', mode: SYMLINK, linkName: '/etc' }, { path: 'a/b' }],
    ['a file without its directory', { path: 'a/b' }],
    ['a hard link that leads out', { path: 'a', linkName: '../../etc/passwd' }],
    ['a device', { path: 'a', mode: 0x04000000 }],
    ['a negative size', { path: 'a', size: -1n }],
  ] as const satisfies readonly (readonly [string, ...Given[]])[])
    it(`is refused for ${what}`, () => {
      assert.throws(() => listed(...given), { name: 'GantryError' });
    });
});
