// Images made from containers, as the unmodified Docker client does it.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { eventually, startDaemon, type TestDaemon } from '../support/index.ts';

suite('commit with the docker client', () => {
  let daemon: TestDaemon;
  const ok = (...args: string[]) => daemon.ok(...args);
  before(async () => {
    daemon = await startDaemon({ images: ['busybox'] });
  });
  after(async () => daemon[Symbol.asyncDispose]());

  test('an image of a container has its changes, its configuration and a history', async () => {
    await ok('run', '--name', 'made', '--network', 'none', '-e', 'KEPT=1', 'gantry/busybox', 'sh', '-c', 'echo hi > /new; rm /bin/awk');
    const id = await ok('commit', '-a', 'me', '-m', 'by hand', '-c', 'CMD ["cat", "/new"]', '-c', 'ENV MORE=$KEPT', 'made', 'made:1');
    assert.match(id, /^sha256:[0-9a-f]{64}$/);
    assert.equal(await ok('run', '--rm', '--network', 'none', 'made:1'), 'hi');
    assert.notEqual((await daemon.docker('run', '--rm', '--network', 'none', 'made:1', 'ls', '/bin/awk')).status, 0);
    assert.match(
      await ok('inspect', '-f', '{{.Author}} {{.Comment}} {{.Config.Env}}', 'made:1'),
      /^me by hand \[KEPT=1 PATH=\S+ MORE=1\]$/,
    );
    const [newest, base] = (await ok('history', '--no-trunc', '--format', '{{.ID}} {{.CreatedBy}} {{.Size}}', 'made:1')).split('\n');
    assert.equal(newest, `${id} sh -c echo hi > /new; rm /bin/awk 3B`);
    assert.equal(base?.split(' ', 1)[0], await ok('inspect', '-f', '{{.Id}}', 'gantry/busybox'));
    await ok('rm', 'made');
  });

  test('a committed image keeps its id through save and load', async () => {
    const id = await ok('inspect', '-f', '{{.Id}}', 'made:1');
    const archive = join(daemon.root, 'made.tar');
    await ok('save', '-o', archive, 'made:1');
    await ok('rmi', 'made:1');
    await ok('load', '-i', archive);
    assert.equal(await ok('inspect', '-f', '{{.Id}}', 'made:1'), id);
    assert.equal(await ok('run', '--rm', '--network', 'none', 'made:1'), 'hi');
  });

  test('a container that changed nothing adds no layer', async () => {
    await ok('create', '--name', 'idle', 'gantry/busybox', 'true');
    await ok('commit', 'idle', 'idle:1');
    const layers = (name: string) => ok('inspect', '-f', '{{json .RootFS.Layers}}', name);
    assert.equal(await layers('idle:1'), await layers('gantry/busybox'));
    await ok('rm', 'idle');
  });

  test('an image that others were made from stays without a name, hidden, until the last of them goes', async () => {
    await ok('run', '--name', 'one', '--network', 'none', 'gantry/busybox', 'touch', '/one');
    const parent = await ok('commit', 'one', 'chain:1');
    await ok('run', '--name', 'two', '--network', 'none', 'chain:1', 'touch', '/two');
    const child = await ok('commit', 'two', 'chain:2');
    await ok('rm', 'one', 'two');
    assert.equal(await ok('rmi', 'chain:1'), 'Untagged: chain:1');
    assert.equal((await ok('images', '-q', '--no-trunc')).includes(parent), false);
    assert.ok((await ok('images', '-aq', '--no-trunc')).includes(parent));
    const removed = await ok('rmi', 'chain:2');
    assert.ok(removed.includes(`Deleted: ${child}`) && removed.includes(`Deleted: ${parent}`), removed);
  });

  test('what cannot be is refused with the reason, and leaves nothing', async () => {
    await ok('run', '-d', '--name', 'busy', '--network', 'none', 'gantry/busybox', 'sleep', '1000');
    const before = await ok('images', '-aq');
    const refusals: [string[], RegExp][] = [
      [['-c', 'RUN true', 'busy'], /RUN is not a valid change command/],
      [['-c', 'EXPOSE http', 'busy'], /Invalid containerPort: http/],
      [['-c', 'ONBUILD FROM x', 'busy'], /FROM isn't allowed as an ONBUILD trigger/],
      [['nobody'], /No such container: nobody/],
      [['busy', 'Upper/Case'], /must be lowercase/],
    ];
    for (const [args, complaint] of refusals) assert.match((await daemon.docker('commit', ...args)).stderr, complaint);
    assert.equal(await ok('images', '-aq'), before);
    assert.equal(await ok('inspect', '-f', '{{.State.Status}}', 'busy'), 'running');
  });

  test('a daemon killed in the middle of a commit leaves no half image, and the container runs on', async () => {
    await ok('exec', 'busy', 'sh', '-c', 'for i in $(seq 300); do head -c 1000000 /dev/zero > /file$i; done');
    const before = await ok('images', '-aq');
    const commit = daemon.docker('commit', 'busy', 'half:1');
    await eventually('the pause', async () => (await ok('inspect', '-f', '{{.State.Status}}', 'busy')) === 'paused');
    await daemon.kill9();
    assert.notEqual((await commit).status, 0);
    await daemon.start();
    assert.equal(await ok('inspect', '-f', '{{.State.Status}}', 'busy'), 'running');
    assert.equal(await ok('exec', 'busy', 'echo', 'alive'), 'alive');
    assert.equal(await ok('images', '-aq'), before);
    await eventually('an empty tmp', async () => readdirSync(join(daemon.root, 'data/tmp')).length === 0);
    await ok('commit', 'busy', 'whole:1');
    await ok('rm', '-f', 'busy');
  });
});
