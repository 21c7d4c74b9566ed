import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { encodeTarHeader, paddingOf, type TarEntryType, tarEnd, tarEntries } from '../../base/index.ts';
import { planCopy, renamer } from './copyplan.ts';
import { IgnoreRules } from './ignore.ts';
import { packFolder, packPath } from './pack.ts';
import { unpack } from './unpack.ts';

function temporary(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'gantry-cli-test-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A hand-made archive; what `pack` never writes must be refused as well. */
function archive(...entries: { name: string; type: TarEntryType; link?: string; content?: string }[]): AsyncIterable<Buffer> {
  const parts = entries.flatMap(({ content = '', ...entry }) => {
    const size = Buffer.byteLength(content);
    return [encodeTarHeader({ ...entry, mode: 0o644, size }), Buffer.from(content), Buffer.alloc(paddingOf(size))];
  });
  return Readable.from([Buffer.concat([...parts, tarEnd()])]);
}

const keep = { owners: false, rename: (name: string) => name };

test('packPath() and unpack() bring back files, links, modes and long names', async (t) => {
  const folder = temporary(t);
  const long = `${'long'.repeat(30)}/${'é'.repeat(60)}`;
  mkdirSync(path.join(folder, 'from', path.dirname(long)), { recursive: true });
  mkdirSync(path.join(folder, 'to'));
  writeFileSync(path.join(folder, 'from', long), 'x'.repeat(1000));
  writeFileSync(path.join(folder, 'from/run'), '#!/bin/sh\n', { mode: 0o750 });
  symlinkSync('../nowhere', path.join(folder, 'from/link'));
  await unpack(packPath(path.join(folder, 'from'), 'copy'), path.join(folder, 'to'), keep);
  const copy = path.join(folder, 'to/copy');
  assert.equal(readFileSync(path.join(copy, long), 'utf8'), 'x'.repeat(1000));
  assert.equal(lstatSync(path.join(copy, 'run')).mode & 0o777, 0o750);
  assert.equal(readlinkSync(path.join(copy, 'link')), '../nowhere');
});

test('unpack() refuses names and links that would leave the folder', async (t) => {
  const folder = temporary(t);
  mkdirSync(path.join(folder, 'in'));
  mkdirSync(path.join(folder, 'out'));
  const into = path.join(folder, 'in');
  await assert.rejects(unpack(archive({ name: '../evil', type: 'file', content: 'x' }), into, keep), /outside/);
  await assert.rejects(
    unpack(archive({ name: 'door', type: 'symbolicLink', link: '../out' }, { name: 'door/evil', type: 'file', content: 'x' }), into, keep),
    /outside/,
  );
  await assert.rejects(unpack(archive({ name: 'hard', type: 'hardLink', link: '../out/x' }), into, keep), /outside/);
  assert.equal(existsSync(path.join(folder, 'evil')) || existsSync(path.join(folder, 'out/evil')), false);
});

test('unpack() replaces a link by the file instead of writing through it', async (t) => {
  const folder = temporary(t);
  mkdirSync(path.join(folder, 'in'));
  writeFileSync(path.join(folder, 'victim'), 'safe');
  symlinkSync('../victim', path.join(folder, 'in/f'));
  await unpack(archive({ name: 'f', type: 'file', content: 'new' }), path.join(folder, 'in'), keep);
  assert.deepEqual([readFileSync(path.join(folder, 'victim'), 'utf8'), readFileSync(path.join(folder, 'in/f'), 'utf8')], ['safe', 'new']);
});

test('unpack() throws for damaged and for cut archives', async (t) => {
  const into = temporary(t);
  const header = encodeTarHeader({ name: 'f', type: 'file', size: 600 });
  const broken = Buffer.from(header);
  broken[0] = 0x78;
  await assert.rejects(unpack(Readable.from([broken]), into, keep), /invalid tar header/);
  await assert.rejects(unpack(Readable.from([header, Buffer.alloc(10)]), into, keep), /ends too early/);
});

test('unpack() leaves devices and pipes out and goes on', async (t) => {
  const into = temporary(t);
  await unpack(
    archive({ name: 'pipe', type: 'fifo' }, { name: 'tty', type: 'character' }, { name: 'f', type: 'file', content: 'x' }),
    into,
    keep,
  );
  assert.deepEqual(readdirSync(into), ['f']);
});

test('planCopy() follows the rules of cp', () => {
  const file = { path: '/a/f', isDirectory: false };
  const folder = { path: '/a/d', isDirectory: true };
  assert.deepEqual(planCopy(file, { path: '/t/', exists: true, isDirectory: true }), { folder: '/t' });
  assert.deepEqual(planCopy(file, { path: '/t/g', exists: false, isDirectory: false }), { folder: '/t', name: 'g' });
  assert.deepEqual(planCopy(folder, { path: 'new', exists: false, isDirectory: false }), { folder: '.', name: 'new' });
  assert.throws(() => planCopy(folder, { path: '/t/f', exists: true, isDirectory: false }), /cannot copy directory/);
  assert.throws(() => planCopy(file, { path: '/t/none/', exists: false, isDirectory: false }), /no such directory/);
});

test('renamer() gives the first part of names another one', () => {
  const renamed = renamer({ folder: '.', name: 'new' }, false);
  assert.deepEqual(['d', 'd/', 'd/e/f'].map(renamed), ['new', 'new', 'new/e/f']);
  const content = renamer({ folder: '.' }, true);
  assert.deepEqual(['./', './e', 'f'].map(content), ['.', 'e', 'f']);
});

test('IgnoreRules lets the last matching line decide', () => {
  const rules = new IgnoreRules('# note\nnode_modules\n!node_modules/keep\n**/*.log\n*.md\n!README.md\n/abs\nsub/../gone\n');
  const out = ['node_modules', 'node_modules/x/i.js', 'a/b/c.log', 'c.log', 'x.md', 'abs', 'gone/y'];
  const kept = ['node_modules/keep', 'README.md', 'a/x.md', 'src/abs.ts', '# note'];
  assert.deepEqual(
    out.filter((name) => !rules.leavesOut(name)),
    [],
  );
  assert.deepEqual(
    kept.filter((name) => rules.leavesOut(name)),
    [],
  );
  assert.deepEqual([rules.mayBringBack('node_modules'), rules.mayBringBack('other')], [true, false]);
});

test('packFolder() goes into a left-out folder when an exception may lie in it', async (t) => {
  const folder = temporary(t);
  mkdirSync(path.join(folder, 'node_modules'));
  for (const name of ['node_modules/keep', 'node_modules/drop', 'a']) writeFileSync(path.join(folder, name), '');
  const rules = new IgnoreRules('node_modules\n!node_modules/keep');
  const names: string[] = [];
  const packed = packFolder(folder, { includes: (name) => !rules.leavesOut(name), descends: (name) => rules.mayBringBack(name) });
  for await (const { header } of tarEntries(packed)) names.push(header.name);
  assert.deepEqual(names, ['a', 'node_modules/keep']);
});
