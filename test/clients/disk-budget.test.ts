// A disk that stays within its budget, with the real client.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ageImages } from '../support/age-images.ts';
import { eventually, must, PROJECT, startDaemon, startRegistry, type TestDaemon, type TestRegistry } from '../support/index.ts';

const BUDGET = 220 * 1024 * 1024;

suite('a disk with a budget of 220 MiB', () => {
  let daemon: TestDaemon;
  let registry: TestRegistry;
  const began = Math.floor(Date.now() / 1000);
  /** What vanishes while it looks is no error. */
  const used = () =>
    Number(/^\d+/.exec(spawnSync('du', ['-sx', '--block-size=1', join(daemon.root, 'data')], { encoding: 'utf8' }).stdout)?.[0]);
  const why = () => must(join(PROJECT, 'bin/gantry'), ['--host', `unix://${daemon.socket}`, 'why', 'disk']);
  const names = async () => (await daemon.ok('images', '--format', '{{.Repository}}:{{.Tag}}')).split('\n');
  const events = () => daemon.ok('events', '--since', `${began}`, '--until', `${Math.ceil(Date.now() / 1000)}`);
  /** A build that makes a layer of so many MiB, which nothing can make smaller. */
  const build = (name: string, megabytes: number, ...flags: string[]) => {
    const context = join(daemon.root, `context-${name}`);
    mkdirSync(context, { recursive: true });
    writeFileSync(join(context, 'Dockerfile'), `FROM gantry/busybox\nRUN dd if=/dev/urandom of=/${name} bs=1M count=${megabytes}\n`);
    return daemon.docker('build', '--quiet', ...flags, context);
  };
  /** As if no image had been used for a long time. */
  const age = async () => {
    await daemon.stop();
    ageImages(daemon);
    await daemon.start();
  };

  before(async () => {
    const flags = ['--disk-budget', '220MiB', '--insecure-registry', '127.0.0.0/8'];
    daemon = await startDaemon({ images: ['busybox', 'debian'], plugins: ['buildx'], flags });
    registry = await startRegistry(daemon.host);
    await registry.add('debian', 'big:1');
  });
  after(async () => {
    await registry?.[Symbol.asyncDispose]();
    await daemon?.[Symbol.asyncDispose]();
  });

  test('the oldest of the build cache goes first, and nothing that an image has', async () => {
    await daemon.ok('create', '--name', 'keeper', 'gantry/debian:12');
    for (const name of ['one', 'two', 'three', 'four']) assert.equal((await build(name, 30, '--output', 'type=cacheonly')).status, 0);
    await eventually('less than the budget', async () => used() < BUDGET);
    assert.match(await why(), /freed [\d.]+ MiB: \d pieces? of the build cache, 0 images/);
    assert.match(await events(), /builder prune .*reclaimed=\d{7}[\s\S]*daemon disk-collect disk .*budget=230686720/);
    assert.deepEqual(await names(), ['gantry/busybox:latest', 'gantry/debian:12']);
  });

  test('images that came just now stay; then the one that was used longest ago goes, never one that a container was made from', async () => {
    for (const name of ['five', 'six']) assert.equal((await build(name, 30, '--tag', name)).status, 0);
    assert.ok((await names()).includes('five:latest'));
    await age();
    await daemon.ok('rm', await daemon.ok('create', 'six'));
    assert.equal((await build('seven', 40, '--tag', 'seven')).status, 0);
    await eventually('less than the budget', async () => used() < BUDGET);
    const left = await names();
    assert.ok(!left.includes('five:latest'), left.join());
    assert.ok(left.includes('six:latest') && left.includes('gantry/debian:12'), left.join());
  });

  test('when nothing can be freed, pulls and builds are refused before they begin; runs and removals are not', async () => {
    await daemon.ok('volume', 'create', 'hoard');
    writeFileSync(join(daemon.root, 'data/volumes/hoard/_data/file'), Buffer.alloc(120 * 1024 * 1024, 1));
    const refused = await build('eight', 10);
    assert.notEqual(refused.status, 0);
    assert.match(
      refused.stderr,
      /no room for building: [\d.]+ MiB of the disk budget of 220 MiB are used \(.*volumes 120 MiB.*nothing more can be freed/,
    );
    const pull = await daemon.docker('pull', `${registry.address}/big:1`);
    assert.equal(pull.status, 0, 'its layer is here already');
    const load = await daemon.dockerWith({ input: '' }, 'load');
    assert.match(load.stderr, /no room for loading images/);
    assert.match(await why(), /over its budget[\s\S]*volumes +120 MiB +never collected; largest: hoard 120 MiB[\s\S]*refused: building/);
    assert.equal(await daemon.ok('run', '--rm', 'gantry/debian:12', 'echo', 'runs'), 'runs');
    await daemon.ok('volume', 'rm', 'hoard');
    assert.equal((await build('eight', 10)).status, 0);
    assert.match(await why(), /within its budget/);
  });

  test('a pull that cannot fit is refused before its first layer', async () => {
    await daemon.ok('rm', 'keeper');
    await daemon.ok('image', 'prune', '--all', '--force');
    await daemon.ok('builder', 'prune', '--all', '--force');
    await daemon.load('busybox');
    assert.equal((await build('kept', 1, '--output', 'type=cacheonly')).status, 0);
    await daemon.ok('volume', 'create', 'hoard');
    await eventually('the end of all deleting', async () => used() < 30_000_000);
    // 20 MiB are left, and 1 MiB of cache could go: the image has 40.
    writeFileSync(join(daemon.root, 'data/volumes/hoard/_data/file'), Buffer.alloc(BUDGET - used() - 20 * 1024 * 1024, 1));
    const cache = () => daemon.ok('system', 'df', '--format', '{{if eq .Type "Build Cache"}}{{.TotalCount}}{{end}}');
    const [before, pieces] = [used(), await cache()];
    // The figure of a look is good for a second.
    await sleep(1100);
    const { status, stderr } = await daemon.docker('pull', `${registry.address}/big:1`);
    assert.equal(status, 1);
    assert.match(stderr, /no room for pulling 127\.0\.0\.1:5000\/big:1: .* and [\d.]+ MiB more are needed.*--disk-budget/);
    assert.ok(used() < before + 1_000_000);
    assert.equal(await cache(), pieces, 'nothing was collected in vain');
    await daemon.ok('volume', 'rm', 'hoard');
    await daemon.ok('pull', `${registry.address}/big:1`);
  });
});
