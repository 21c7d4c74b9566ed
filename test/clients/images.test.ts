// Images as the unmodified Docker client handles them, with Debian's docker-registry as the peer.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { must, startDaemon, startRegistry, type TestDaemon, type TestRegistry } from '../support/index.ts';

suite('images with the docker client', () => {
  let daemon: TestDaemon;
  let registry: TestRegistry;
  const ok = (...args: string[]) => daemon.ok(...args);
  before(async () => {
    daemon = await startDaemon();
    registry = await startRegistry(daemon.host);
    await registry.add('busybox', 'small:1');
    await registry.add('busybox', 'modern:1', 'oci');
    await registry.add('redis', 'cache:7');
  });
  after(async () => {
    await registry?.[Symbol.asyncDispose]();
    await daemon[Symbol.asyncDispose]();
  });

  test('run pulls what is missing and says so', async () => {
    const outcome = await daemon.docker('run', '--rm', '--network', 'none', `${registry.address}/small:1`, 'echo', 'ran');
    assert.equal(outcome.stdout, 'ran\n', outcome.stderr);
    assert.match(
      outcome.stderr,
      /Unable to find image '127\.0\.0\.1:5000\/small:1' locally[\s\S]*Pull complete[\s\S]*Status: Downloaded newer image/,
    );
  });

  test('pull takes OCI and Docker manifests, by tag and by digest, and knows what is up to date', async () => {
    assert.match(await ok('pull', `${registry.address}/modern:1`), /Status: Downloaded newer image for 127\.0\.0\.1:5000\/modern:1/);
    assert.match(await ok('pull', `${registry.address}/modern:1`), /Status: Image is up to date/);
    const digest = await ok('inspect', '-f', '{{index .RepoDigests 0}}', `${registry.address}/modern:1`);
    assert.match(digest, /^127\.0\.0\.1:5000\/modern@sha256:[0-9a-f]{64}$/);
    await ok('pull', digest);
    await ok('rmi', `${registry.address}/modern:1`);
  });

  test('pull of several layers keeps users, links and volumes right', async () => {
    await ok('pull', '-q', `${registry.address}/cache:7`);
    assert.equal(await ok('run', '--rm', '--network', 'none', `${registry.address}/cache:7`, 'stat', '-c', '%U %a', '/data'), 'redis 755');
    assert.equal((await ok('inspect', '-f', '{{len .RootFS.Layers}}', `${registry.address}/cache:7`)).trim(), '2');
  });

  test('a missing tag and a missing repository are named', async () => {
    assert.match(
      (await daemon.docker('pull', `${registry.address}/small:9`)).stderr,
      /small:9.*not found|manifest unknown|manifest for .*small:9/i,
    );
    assert.notEqual((await daemon.docker('pull', `${registry.address}/nobody`)).status, 0);
  });

  test('tag, list with filters, history and remove follow the names', async () => {
    await ok('pull', '-q', `${registry.address}/small:1`);
    await ok('tag', `${registry.address}/small:1`, 'mine:blue');
    assert.equal(await ok('images', '--format', '{{.Repository}}:{{.Tag}}', '--filter', 'reference=mine:*'), 'mine:blue');
    assert.match(await ok('history', '--format', '{{.CreatedBy}}', 'mine:blue'), /tools\/images\.sh busybox/);
    assert.equal(await ok('rmi', 'mine:blue'), 'Untagged: mine:blue');
    assert.match((await daemon.docker('rmi', 'mine:blue')).stderr, /No such image: mine:blue/);
  });

  test('save and load carry an image, skopeo reads what was saved', async () => {
    await ok('pull', '-q', `${registry.address}/small:1`);
    await ok('tag', `${registry.address}/small:1`, 'carried:1');
    const file = `${daemon.root}/carried.tar`;
    const id = await ok('inspect', '-f', '{{.Id}}', 'carried:1');
    await ok('save', '-o', file, 'carried:1');
    const seen = JSON.parse(await must('skopeo', ['inspect', `docker-archive:${file}`])) as { Layers: string[] };
    assert.equal(seen.Layers.length, 1);
    await ok('rmi', '-f', id);
    assert.match(await ok('load', '-i', file), /Loaded image: carried:1/);
    assert.equal(await ok('inspect', '-f', '{{.Id}}', 'carried:1'), id);
    assert.doesNotMatch(await ok('load', '-i', file), /already exists/);
    await must('tar', ['-cf', `${file}.empty`, '-T', '/dev/null']);
    const other = await ok('import', `${file}.empty`, 'carried:1');
    const moved = `The image carried:1 already exists, renaming the old one with ID ${other} to empty string\nLoaded image: carried:1`;
    assert.equal(await ok('load', '-q', '-i', file), moved);
    await ok('rmi', 'carried:1');
  });

  test('save of a bare name takes all of its tags, and a platform that an image is not for is told, also by load', async () => {
    await ok('pull', '-q', `${registry.address}/small:1`);
    for (const tag of ['a', 'b']) await ok('tag', `${registry.address}/small:1`, `two:${tag}`);
    const archive = `${daemon.root}/two.tar`;
    await ok('save', '-o', archive, 'two');
    await ok('rmi', 'two:a', 'two:b');
    const other = await daemon.docker('load', '--platform', 'linux/s390x', '-i', archive);
    assert.match(other.stderr, /the archive has no image for linux\/s390x/);
    assert.equal(await ok('load', '--platform', 'linux/amd64', '-i', archive), 'Loaded image: two:a\nLoaded image: two:b');
    for (const verb of [['save', '-o', archive], ['history'], ['image', 'inspect'], ['rmi']]) {
      const { status, stderr } = await daemon.docker(...verb, '--platform', 'linux/s390x', 'two:a');
      assert.equal(status, 1, verb.join(' '));
      assert.match(stderr, /two:a was found but its platform \(linux\/amd64\) does not match the specified platform \(linux\/s390x\)/);
    }
    await ok('rmi', 'two:a', 'two:b');
  });

  test('search tells what the catalog of a registry has, and where it cannot search', async () => {
    const search = (...args: string[]) => ok('search', '--format', '{{.Name}} {{.StarCount}}', ...args);
    assert.equal(await search(`${registry.address}/m`), `${registry.address}/modern 0\n${registry.address}/small 0`);
    assert.equal(await search('--limit', '1', `${registry.address}/`), `${registry.address}/cache 0`);
    assert.equal(await search('--filter', 'is-official=true', `${registry.address}/m`), '');
    assert.match((await daemon.docker('search', 'nginx')).stderr, /Docker Hub cannot be searched from here\. Name a registry/);
    assert.match((await daemon.docker('search', '--limit', '101', 'nginx')).stderr, /limit 101 is outside the range of \[1, 100\]/);
  });

  test('import makes an image of a tar with the changes asked for', async () => {
    await ok('pull', '-q', `${registry.address}/small:1`);
    const container = await ok('create', `${registry.address}/small:1`, 'true');
    await ok('export', '-o', `${daemon.root}/flat.tar`, container);
    await ok('import', '-c', 'ENV COLOUR=red', '-c', 'CMD ["sh", "-c", "echo $COLOUR"]', `${daemon.root}/flat.tar`, 'flat:1');
    assert.equal(await ok('run', '--rm', '--network', 'none', 'flat:1'), 'red');
    await ok('rm', container);
    await ok('rmi', 'flat:1');
  });

  test('a broken archive is refused with a sentence, and the daemon goes on', async () => {
    writeFileSync(`${daemon.root}/broken.tar`, 'this is no archive');
    const outcome = await daemon.docker('load', '-i', `${daemon.root}/broken.tar`);
    assert.equal(outcome.status, 1);
    assert.notEqual(outcome.stderr.trim(), '');
    assert.match(await ok('version', '-f', '{{.Server.Version}}'), /./);
  });

  test('image prune removes what has no name', async () => {
    await ok('pull', '-q', `${registry.address}/small:1`);
    await ok('image', 'prune', '-f');
    assert.notEqual(await ok('images', '-q'), '');
    await ok('image', 'prune', '-af');
    assert.equal(await ok('images', '-q'), '');
  });
});
