// docker compose at a terminal: services that are attached to, followed and watched.
import assert from 'node:assert/strict';
import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, suite, test } from 'node:test';
import { ComposeProject, eventually, startDaemon, startRegistry, type TestDaemon } from '../support/index.ts';

suite('docker compose at a terminal', () => {
  let daemon: TestDaemon;
  let shop: ComposeProject;

  before(async () => {
    daemon = await startDaemon({ images: ['busybox', 'redis'], plugins: ['buildx', 'compose'] });
    shop = new ComposeProject(daemon, 'test/clients/projects/shop', { TOKEN: 'x' });
  });
  afterEach(async () => void (await shop.run('down', '--volumes', '--timeout', '0')));
  after(() => daemon[Symbol.asyncDispose]());

  test('up shows what services print until Ctrl-C, which stops them', async () => {
    using up = shop.terminal('up', '--build', 'clock', 'extra');
    await up.sees(/clock-1\s+\| tick 3/, 60_000);
    up.type('\u0003');
    await up.sees(/Gracefully Stopping/i);
    assert.equal(await up.ended(), 0, 'an end that was asked for');
    assert.equal(await shop.ok('ps', '--quiet'), '');
    assert.match(await shop.ok('ps', '--all', '--format', '{{.Service}} {{.Status}}', 'clock'), /^clock Exited \(137\)/);
  });

  test('up ends with the exit code of the service that it waits for, and stops the others', async () => {
    writeFileSync(
      path.join(shop.folder, 'short.yaml'),
      'services:\n  work: {image: gantry/busybox, command: sh -c "echo done; exit 6"}\n  idle: {image: gantry/busybox, command: sleep 300, stop_signal: SIGKILL}\n',
    );
    const short = (...args: string[]) => shop.run('-f', 'short.yaml', '-p', 'short', ...args);
    const { status, stdout } = await short('up', '--exit-code-from', 'work');
    assert.equal(status, 6);
    assert.match(stdout, /work-1\s+\| done/);
    assert.equal((await short('ps', '--quiet')).stdout, '');
    await short('down');
  });

  test('logs --follow, attach and wait last as long as the service', async () => {
    await shop.ok('up', '--detach', 'clock', 'extra');
    using logs = shop.terminal('logs', '--follow', '--no-log-prefix', 'clock');
    using attached = shop.terminal('attach', 'clock');
    using waiting = shop.terminal('wait', 'extra', 'clock');
    await logs.sees(/tick 5/);
    await attached.sees(/tick \d/);
    await shop.ok('kill', 'extra', 'clock');
    assert.equal(await logs.ended(), 0);
    assert.equal(await attached.ended(), 137);
    await waiting.ended();
    assert.match(waiting.screen, /137/);
  });

  test('exec and run give a terminal', async () => {
    await shop.ok('up', '--detach', 'extra');
    using exec = shop.terminal('exec', 'extra', 'sh');
    exec.type('tty; exit 4\n');
    await exec.sees(/\/dev\/pts\/\d/);
    assert.equal(await exec.ended(), 4);
    using run = shop.terminal('run', '--rm', 'extra', 'sh', '-c', 'tty; read line; echo got $line');
    await run.sees(/\/dev\/pts\/\d/);
    run.type('word\n');
    await run.sees(/got word/);
    assert.equal(await run.ended(), 0);
  });

  test('up --watch puts changed files in, restarts and rebuilds as the file says', async () => {
    const file = (name: string) => path.join(shop.folder, 'web', name);
    const inside = async (name: string) => (await shop.run('exec', '-T', 'web', 'cat', name)).stdout.trim();
    using up = shop.terminal('up', '--build', '--watch', 'web');
    await up.sees(/Watch enabled/, 60_000);
    await eventually('web to run', async () => (await inside('/srv/conf/setting')) === 'first');
    writeFileSync(file('site/index.html'), 'second page\n');
    writeFileSync(file('site/more.html'), 'more\n');
    await eventually('the changed page', async () => (await inside('/srv/site/index.html')) === 'second page');
    await eventually('the new page', async () => (await inside('/srv/site/more.html')) === 'more');
    rmSync(file('site/more.html'));
    await eventually(
      'the page to be gone',
      async () => (await shop.run('exec', '-T', 'web', 'test', '!', '-e', '/srv/site/more.html')).status === 0,
    );

    const started = () => shop.inspect('web', '{{.State.StartedAt}}');
    const first = await started();
    writeFileSync(file('conf/setting'), 'second\n');
    await eventually('the restart', async () => (await started()) !== first);
    assert.equal(await inside('/srv/conf/setting'), 'second');

    const id = await shop.id('web');
    appendFileSync(file('Dockerfile'), 'RUN echo rebuilt >/rebuilt\n');
    await eventually(
      'the new container',
      async () => !['', id].includes(await shop.id('web')) && (await inside('/rebuilt')) === 'rebuilt',
      60_000,
    );
    up.type('\u0003');
    await up.ended();
    assert.equal(await shop.ok('ps', '--quiet', 'web'), '');
  });

  test('push and pull go through a registry', async () => {
    await using registry = await startRegistry(daemon.host);
    writeFileSync(path.join(shop.folder, 'registry.yaml'), `services: {web: {build: web, image: "${registry.address}/shop/web:1"}}\n`);
    const ok = (...args: string[]) => shop.ok('-f', 'registry.yaml', '-p', 'remote', ...args);
    await ok('build', '--push');
    await ok('push');
    await daemon.ok('rmi', `${registry.address}/shop/web:1`);
    await ok('pull');
    assert.match(await daemon.ok('images', '--format', '{{.Repository}}:{{.Tag}}'), /shop\/web:1/);
    await ok('up', '--detach', '--pull', 'always');
    await ok('down', '--timeout', '0');
  });
});
