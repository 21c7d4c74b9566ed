// The older docker-compose (1.29, in Python), as Debian bookworm ships it.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { ComposeProject, eventually, startDaemon, type TestDaemon } from '../support/index.ts';

suite('docker-compose 1.29', () => {
  let daemon: TestDaemon;
  let app: ComposeProject;

  before(async () => {
    daemon = await startDaemon({ images: ['busybox', 'redis'], plugins: ['buildx'] });
    // The application builds from a folder of the other one.
    new ComposeProject(daemon, 'test/clients/projects/shop', {}, 'docker-compose');
    app = new ComposeProject(daemon, 'test/clients/projects/classic', {}, 'docker-compose');
  });
  after(() => daemon[Symbol.asyncDispose]());

  test('up builds and starts all, and the services get what the file says', async () => {
    await app.ok('up', '--detach', '--build');
    const states = (await app.ok('ps', '--all')).split('\n').filter((line) => line.startsWith('classic_'));
    assert.equal(states.filter((line) => /\bUp\b/.test(line)).length, 4, states.join('\n'));
    assert.equal(await app.ok('exec', '-T', 'web', 'cat', '/who', '/run/secrets/password'), 'you\nsecret word');
    assert.match((await daemon.host.outside('curl', ['-s', 'http://10.211.0.1:8090'])).stdout, /first page/);
    assert.equal(await app.ok('exec', '-T', 'side', 'wget', '-qO-', 'http://127.0.0.1'), 'first page');
    assert.equal(await app.ok('port', 'web', '80'), '0.0.0.0:8090');
    await eventually('the database to be healthy', async () => (await app.ok('ps', 'db')).includes('(healthy)'));
  });

  test('exec, run and logs work, with exit codes', async () => {
    assert.equal((await app.run('exec', '-T', '-u', '7', 'web', 'sh', '-c', 'exit $(id -u)')).status, 7);
    assert.equal((await app.run('run', '--rm', '-T', '--no-deps', 'web', 'sh', '-c', 'exit 5')).status, 5);
    assert.match(await app.ok('--ansi', 'never', 'logs', '--tail=1', 'clock'), /clock_1\s+\| tick \d+/);
    assert.match(await app.ok('top', 'clock'), /echo tick/);
    using exec = app.terminal('exec', 'clock', 'sh');
    await exec.sees(/# /);
    exec.type('tty; exit 4\n');
    await exec.sees(/\/dev\/pts\/\d/);
    assert.equal(await exec.ended(), 4);
  });

  test('pause, restart, kill, scale and recreation change what they name', async () => {
    for (const command of [['pause'], ['unpause'], ['restart', '-t', '0'], ['kill'], ['start'], ['stop', '-t', '0'], ['start']])
      await app.ok(...command, 'clock');
    await app.ok('up', '--detach', '--scale', 'clock=3', '--no-recreate', 'clock');
    assert.equal((await app.ok('ps', '--quiet', 'clock')).split('\n').length, 3);
    const before = await app.ok('ps', '--quiet', 'db');
    await app.ok('up', '--detach', '--force-recreate', '--no-deps', 'db');
    assert.notEqual(await app.ok('ps', '--quiet', 'db'), before);
  });

  test('up shows what services print until Ctrl-C', async () => {
    using up = app.terminal('up', 'clock');
    await up.sees(/clock_1\s+\| tick \d/, 30_000);
    up.type('\u0003');
    await up.sees(/Gracefully stopping/);
    await up.ended();
    assert.match(await app.ok('ps', 'clock'), /Exit 137/);
  });

  test('down removes all', async () => {
    await app.ok('down', '--volumes', '--rmi', 'local', '--timeout', '0');
    assert.equal(await daemon.ok('ps', '--all', '--quiet'), '');
    assert.equal(await daemon.ok('volume', 'ls', '--quiet'), '');
    assert.deepEqual((await daemon.ok('network', 'ls', '--format', '{{.Name}}')).split('\n').sort(), ['bridge', 'host', 'none']);
  });
});
