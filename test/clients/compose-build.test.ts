// docker compose build, as it builds now (bake) and as it did before, with one service built from another's result.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { startDaemon, type TestDaemon } from '../support/index.ts';

suite('docker compose build', () => {
  let daemon: TestDaemon;
  let folder: string;

  before(async () => {
    daemon = await startDaemon({ images: ['busybox'], plugins: ['buildx', 'compose'] });
    folder = path.join(daemon.root, 'project');
    const file = (name: string, text: string) => {
      mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      writeFileSync(path.join(folder, name), text);
    };
    file(
      'compose.yaml',
      [
        'services:',
        '  base: {build: {context: base}, image: shop/base}',
        '  web: {build: {context: web, additional_contexts: {parent: "service:base"}, args: {WHO: you}}, image: shop/web}',
        '',
      ].join('\n'),
    );
    file('base/Dockerfile', 'FROM gantry/busybox\nRUN echo base > /base\nENV FROM_BASE=yes\n');
    file('web/Dockerfile', 'FROM parent\nARG WHO\nRUN echo $WHO $FROM_BASE > /web\nCMD ["cat", "/base", "/web"]\n');
  });
  after(() => daemon[Symbol.asyncDispose]());

  for (const bake of ['true', 'false'])
    test(`builds services on top of each other with COMPOSE_BAKE=${bake}`, async () => {
      await daemon.docker('rmi', '--force', 'shop/base', 'shop/web');
      const env = { COMPOSE_BAKE: bake };
      const { status, stderr } = await daemon.dockerWith({ env, cwd: folder }, 'compose', '--progress', 'plain', 'build');
      assert.equal(status, 0, stderr);
      assert.equal(await daemon.ok('run', '--rm', 'shop/web'), 'base\nyou yes');
    });
});
