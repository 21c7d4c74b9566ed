import assert from 'node:assert/strict';
import { test } from 'node:test';
import { banComplaints, sizeComplaints } from './bans.ts';
import { importCycles } from './cycles.ts';
import { layerComplaints } from './layers.ts';
import { importsOf } from './source-files.ts';

const file = (path: string, ...lines: string[]) => ({ path, text: `${lines.join('\n')}\n` });

test('importsOf() finds imports over several lines, re-exports and dynamic imports, with their targets', () => {
  const found = importsOf(
    file(
      'src/images/a.ts',
      'import {',
      '  one,',
      "} from '../host/index.ts';",
      "export type { T } from './t.ts';",
      "await import('./late.ts');",
    ),
  );
  assert.deepEqual(
    found.map(({ target, typeOnly, line }) => [target, typeOnly, line]),
    [
      ['src/host/index.ts', false, 1],
      ['src/images/t.ts', true, 4],
      ['src/images/late.ts', false, 5],
    ],
  );
});

const steps: [name: string, from: string, specifier: string, allowed: boolean][] = [
  ['a room imports one below it', 'src/images/a.ts', '../host/index.ts', true],
  ['a room never imports one above it', 'src/images/a.ts', '../engine/index.ts', false],
  ['siblings never import each other', 'src/images/a.ts', '../network/index.ts', false],
  ['another room is imported only through its index', 'src/images/a.ts', '../host/mount.ts', false],
  ['a test uses what a room below lends to tests', 'src/images/a.test.ts', '../model/testing/spec.ts', true],
  ['helpers of tests use it too', 'src/images/testing/a.ts', '../../model/testing/spec.ts', true],
  ['the product never uses what is for tests', 'src/images/a.ts', '../model/testing/spec.ts', false],
  ['files of one room import each other freely', 'src/images/layers/a.ts', '../content/blobs.ts', true],
  ['build may use the engine', 'src/build/a.ts', '../engine/index.ts', true],
  ['the cluster agent may use the engine', 'src/cluster/agent/a.ts', '../../engine/index.ts', true],
  ['the cluster manager may not use the engine', 'src/cluster/a.ts', '../engine/index.ts', false],
  ['the cluster manager may not use the agent', 'src/cluster/a.ts', './agent/a.ts', false],
  ['a dialect stands on the HTTP server', 'src/api/docker/a.ts', '../http/index.ts', true],
  ['dialects never import each other', 'src/api/docker/a.ts', '../aws/index.ts', false],
  ['the HTTP server knows no dialect', 'src/api/http/a.ts', '../docker/index.ts', false],
  ['only host starts processes', 'src/engine/a.ts', 'node:child_process', false],
  ['host starts processes', 'src/host/a.ts', 'node:child_process', true],
  ['the model reads no files', 'src/model/a.ts', 'node:fs', false],
  ['a room that nobody has placed is refused', 'src/attic/a.ts', '../base/index.ts', false],
];
for (const [name, from, specifier, allowed] of steps) {
  test(`layers: ${name}`, () => {
    assert.equal(layerComplaints([file(from, `import { x } from '${specifier}';`)]).length, allowed ? 0 : 1);
  });
}

test('importCycles() names the files of a ring and leaves type imports out', () => {
  const ring = [file('src/a.ts', "import { b } from './b.ts';"), file('src/b.ts', "import { c } from './c.ts';")];
  assert.deepEqual(importCycles([...ring, file('src/c.ts', "import type { a } from './a.ts';")]), []);
  assert.deepEqual(importCycles([...ring, file('src/c.ts', "import { a } from './a.ts';")]), [['src/a.ts', 'src/b.ts', 'src/c.ts']]);
});

test('banComplaints() refuses shell strings built from input, and lets fixed scripts and arguments through', () => {
  const bad = ["spawn('ip', args, { shell: true });", `spawn('sh', ['-c', ${'`rm $'}{name}${'`'}]);`, "run('/bin/sh', ['-c', script]);"];
  for (const line of bad) assert.equal(banComplaints([file('src/host/a.ts', line)]).length, 1, line);
  const good = [`spawn('sh', ['-c', 'exec "$@"', 'sh', name]);`, "return ['/bin/sh', '-c', command];", 'pattern.exec(`a`)'];
  for (const line of good) assert.deepEqual(banComplaints([file('src/host/a.ts', line)]), [], line);
});

test('banComplaints() lets koffi be loaded in src/host/kernel only, in whatever way', () => {
  for (const line of ["import koffi from 'koffi';", "const koffi = require('koffi');", "await import('koffi');"]) {
    assert.equal(banComplaints([file('src/host/netlink/a.ts', line)]).length, 1, line);
    assert.deepEqual(banComplaints([file('src/host/kernel/library.ts', line)]), [], line);
  }
});

test('banComplaints() allows recursive deletes in one file of host and in tests only', () => {
  const line = 'await rm(folder, { recursive: true, force: true });';
  assert.equal(banComplaints([file('src/host/delete.ts', line), file('src/host/other.ts', line), file('src/images/a.ts', line)]).length, 2);
  assert.deepEqual(banComplaints([file('src/host/delete.ts', line), file('src/images/a.test.ts', line)]), []);
});

test('sizeComplaints() warns over 300 lines and fails over 600', () => {
  const long = (lines: number) => file('src/a.ts', ...Array<string>(lines).fill('x'));
  assert.deepEqual(
    [300, 301, 601].map((lines) => sizeComplaints([long(lines)])).map((r) => [r.warnings.length, r.complaints.length]),
    [
      [0, 0],
      [1, 0],
      [0, 1],
    ],
  );
});
