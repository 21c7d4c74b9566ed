import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite, test } from 'node:test';
import { zip } from '../testing/zip.ts';
import { runScanJob } from '../thread.ts';
import { parseModules } from './go.ts';
import { takeInventory } from './inventory.ts';

function withRoot(files: Record<string, string | Buffer>, use: (root: string) => void | Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'gantry-inventory-'));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return Promise.resolve(use(root)).finally(() => rmSync(root, { recursive: true }));
}

const found = (root: string) => takeInventory(root, 'sha256:0').packages.map((p) => `${p.ecosystem} ${p.name} ${p.version}`);

const STATUS = `Package: libssl3
Status: install ok installed
Architecture: amd64
Source: openssl (3.0.15-1)
Version: 3.0.15-1~deb12u1
Description: about
 Version: 9 is not a field

Package: gone
Status: deinstall ok config-files
Version: 1.0
`;

suite('an inventory', () => {
  test('holds packages of dpkg that are installed, with their source, and the distribution', () =>
    withRoot({ 'var/lib/dpkg/status': STATUS, 'usr/lib/os-release': 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n' }, (root) => {
      const { packages, distribution } = takeInventory(root, 'sha256:0');
      assert.deepEqual(packages, [
        {
          ecosystem: 'deb',
          name: 'libssl3',
          version: '3.0.15-1~deb12u1',
          source: { name: 'openssl', version: '3.0.15-1' },
          architecture: 'amd64',
          path: 'var/lib/dpkg/status',
        },
      ]);
      assert.deepEqual([distribution.id, distribution.versionId, distribution.codename], ['debian', '12', 'bookworm']);
    }));

  test('holds packages of apk, npm and Python', () =>
    withRoot(
      {
        'lib/apk/db/installed': 'C:x\nP:musl\nV:1.2.3-r4\no:musl\nA:x86_64\nL:MIT\n\n',
        'app/node_modules/@a/b/package.json': '{"name":"@a/b","version":"1.2.3","license":"MIT"}',
        'app/node_modules/c/test/package.json': '{"name":"fixture","version":"0.0.0"}',
        'usr/lib/python3/dist-packages/Flask-2.2.2.dist-info/METADATA': 'Metadata-Version: 2.1\nName: Flask\nVersion: 2.2.2\n\nName: no\n',
      },
      (root) => assert.deepEqual(found(root), ['apk musl 1.2.3-r4', 'npm @a/b 1.2.3', 'pypi Flask 2.2.2']),
    ));

  test('holds what is in a jar, and in a jar inside it', () => {
    const inner = zip({ 'META-INF/maven/org.x/y/pom.properties': 'groupId=org.x\nartifactId=y\nversion=2.14.1\n' });
    const outer = zip({
      'META-INF/MANIFEST.MF': 'Implementation-Title: app\r\nImplementation-Version: 1.0\r\n',
      'WEB-INF/lib/y.jar': inner,
    });
    return withRoot({ 'srv/app.war': outer }, (root) => assert.deepEqual(found(root), ['maven app 1.0', 'maven org.x:y 2.14.1']));
  });

  test('holds the modules of a Go program, a replaced one by what replaces it', () => {
    const text = 'path\tx\nmod\texample.org/x\t(devel)\t\ndep\ta.org/b\tv1.0.0\th1:=\ndep\tc.org/d\tv1.1.0\n=>\te.org/f\tv2.0.0\th1:=\n';
    assert.deepEqual(
      parseModules(text, 'x').map(({ name, version }) => `${name} ${version}`),
      ['a.org/b v1.0.0', 'e.org/f v2.0.0'],
    );
  });

  test('holds the Go that a program was built with', () =>
    withRoot({ 'usr/bin/x': '' }, (root) => {
      copyFileSync('/usr/sbin/runc', join(root, 'usr/bin/x'));
      assert.match(found(root).join('\n'), /^golang stdlib 1\.\d+/);
    }));

  test('tells what cannot be read, and never follows links out of the image', () =>
    withRoot({ 'a/node_modules/b/package.json': '{', 'srv/x.jar': 'PK nonsense' }, (root) => {
      symlinkSync('/etc', join(root, 'etc'));
      symlinkSync('/var/lib/dpkg', join(root, 'srv/dpkg'));
      const { packages, unreadable } = takeInventory(root, 'sha256:0');
      assert.deepEqual(packages, []);
      assert.deepEqual(
        unreadable.map(({ path }) => path),
        ['a/node_modules/b/package.json'],
      );
    }));

  test('is bounded where an image is made to be endless, and the rest of it is told', () => {
    return withRoot(
      {
        'usr/lib/sysimage/rpm/rpmdb.sqlite': 'x',
        'lib/apk/db/installed': 'P:a\u001b[2J\nV:1\n\n',
        'app/node_modules/long/package.json': JSON.stringify({ name: 'x'.repeat(2000), version: '1' }),
        'app/node_modules/nested/package.json': `${'['.repeat(100_000)}`,
        'app/node_modules/good/package.json': '{"name":"good","version":"1"}',
      },
      (root) => {
        const { packages, unreadable } = takeInventory(root, 'sha256:0');
        assert.deepEqual(
          packages.map(({ name }) => name),
          ['good'],
        );
        const reasons = Object.fromEntries(unreadable.map(({ path, reason }) => [path, reason]));
        assert.match(reasons['usr/lib/sysimage/rpm/rpmdb.sqlite'] ?? '', /rpm are not read/);
        assert.match(reasons['lib/apk/db/installed'] ?? '', /control characters/);
        assert.match(reasons['app/node_modules/long/package.json'] ?? '', /more than 1000 characters/);
        assert.ok(reasons['app/node_modules/nested/package.json']);
      },
    );
  });

  test('fails for an image of more packages than anybody has', () =>
    withRoot({ 'var/lib/dpkg/status': Array.from({ length: 100_002 }, (_, i) => `Package: p${i}\nVersion: 1\n`).join('\n') }, (root) =>
      assert.throws(() => takeInventory(root, 'sha256:0'), /more than 100000 packages/),
    ));

  test('is taken in a thread, and a thread is told to stop', () =>
    withRoot({ 'var/lib/dpkg/status': STATUS }, async (root) => {
      const inventory = await runScanJob({ kind: 'inventory', root, imageId: 'sha256:0' });
      assert.equal(inventory.packages.length, 1);
      await assert.rejects(runScanJob({ kind: 'inventory', root, imageId: 'sha256:0' }, AbortSignal.abort(new Error('enough'))), /enough/);
    }));
});
