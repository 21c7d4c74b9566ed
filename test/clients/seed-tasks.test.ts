// What a newcomer tries first, with the unmodified Docker client on images from Debian's archive.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { eventually, HOST_ADDRESS, startDaemon, Terminal, type TestDaemon } from '../support/index.ts';

suite('seed tasks with the docker client', () => {
  let daemon: TestDaemon;
  before(async () => {
    daemon = await startDaemon({ images: ['busybox', 'debian', 'nginx', 'redis', 'mariadb'] });
  });
  after(() => daemon[Symbol.asyncDispose]());

  test('a one-shot hostname prints the short id and leaves nothing behind', async () => {
    const idFile = `${daemon.root}/cid`;
    const printed = await daemon.ok('run', '--rm', '--cidfile', idFile, 'gantry/debian:12', 'hostname');
    assert.match(printed, /^[0-9a-f]{12}$/);
    await eventually('the container to be gone', async () => (await daemon.ok('ps', '-aq')) === '');
  });

  test('an interactive bash is process 1, lists the root and exits with the status typed', async () => {
    using terminal = dockerOnTerminal('run', '-it', '--rm', 'gantry/debian:12', 'bash');
    await terminal.sees(/root@[0-9a-f]{12}:\/# $/);
    terminal.type('ls /\n');
    await terminal.sees(/\bbin\s[\s\S]*\busr\b[\s\S]*# $/);
    terminal.type('ps aux\n');
    const [, pid] = await terminal.sees(/root\s+(\d+) .*bash\n/);
    assert.equal(pid, '1');
    terminal.type('exit 3\n');
    assert.equal(await terminal.ended(), 3);
  });

  test('MariaDB in the background is watched with logs and top, and entered with exec', async () => {
    await daemon.ok('run', '-d', '--name', 'db', '-e', "MARIADB_ROOT_PASSWORD=it's", '-e', 'MARIADB_DATABASE=shop', 'gantry/mariadb');
    await eventually('MariaDB to be ready', async () => /ready for connections/.test((await daemon.docker('logs', 'db')).stderr));
    assert.match(await daemon.ok('top', 'db'), /^UID\s+PID[\s\S]*mariadbd/);
    assert.match(await daemon.ok('exec', 'db', 'mariadb', '--version'), /MariaDB/);
    const databases = await daemon.ok('exec', 'db', 'mariadb', '-h127.0.0.1', '-uroot', "-pit's", '-e', 'show databases');
    assert.match(databases, /^shop$/m);

    using shell = dockerOnTerminal('exec', '-it', 'db', 'sh');
    await shell.sees(/# $/);
    shell.type('tty; echo $((6 * 7))\n');
    await shell.sees(/\/dev\/pts\/\d+\n42\n/);
    shell.type('exit\n');
    assert.equal(await shell.ended(), 0);
    await daemon.ok('rm', '-f', '-v', 'db');
    assert.equal(await daemon.ok('volume', 'ls', '-q'), '');
  });

  test('nginx on a published port is fetched from the host address, loopback and another machine', async () => {
    await daemon.ok('run', '-d', '--name', 'web', '-p', '8080:80', 'gantry/nginx');
    assert.match(await daemon.ok('port', 'web'), /80\/tcp -> 0\.0\.0\.0:8080/);
    await eventually('nginx to answer', async () => (await daemon.host.run('curl', ['-sf', 'http://127.0.0.1:8080/'])).status === 0);
    for (const address of ['127.0.0.1', 'localhost', HOST_ADDRESS]) {
      const { stdout } = await daemon.host.run('curl', ['-sf', '--max-time', '5', `http://${address}:8080/`]);
      assert.match(stdout, /Welcome to nginx/, `fetched from ${address} by the host`);
    }
    const { stdout } = await daemon.host.outside('curl', ['-sf', '--max-time', '5', `http://${HOST_ADDRESS}:8080/`]);
    assert.match(stdout, /Welcome to nginx/, 'fetched by the neighbour');
    await eventually('the access log', async () => ((await daemon.ok('logs', 'web')).match(/GET \/ HTTP/g) ?? []).length >= 5);
    await daemon.ok('rm', '-f', 'web');
    const gone = await daemon.host.outside('curl', ['-s', '--max-time', '2', `http://${HOST_ADDRESS}:8080/`]);
    assert.notEqual(gone.status, 0, 'the port is free again');
  });

  test('two containers on the default bridge reach each other, and Redis keeps its data in its volume', async () => {
    await daemon.ok('run', '-d', '--name', 'cache', '-v', 'cache-data:/data', 'gantry/redis');
    const address = await daemon.ok('inspect', '-f', '{{.NetworkSettings.Networks.bridge.IPAddress}}', 'cache');
    const redis = (...words: string[]) => daemon.docker('run', '--rm', 'gantry/redis', 'redis-cli', '-h', address, ...words);
    await eventually('Redis to answer', async () => /PONG/.test((await redis('ping')).stdout));
    assert.match((await redis('set', 'colour', 'green')).stdout, /OK/);
    assert.match((await redis('save')).stdout, /OK/);
    await daemon.ok('rm', '-f', 'cache');
    await daemon.ok('run', '-d', '--name', 'cache', '-v', 'cache-data:/data', 'gantry/redis');
    await eventually('Redis to load its data', async () => {
      const { stdout } = await daemon.docker('exec', 'cache', 'redis-cli', 'get', 'colour');
      return stdout.trim() === 'green';
    });
    await daemon.ok('rm', '-f', 'cache');
    await daemon.ok('volume', 'rm', 'cache-data');
  });

  test('two containers ping each other and the bridge, within 10 µs of what it takes from the host', async () => {
    for (const name of ['one', 'two']) await daemon.ok('run', '-d', '--name', name, 'gantry/busybox', 'sleep', '1000');
    const look = (name: string, field: string) => daemon.ok('inspect', '-f', `{{.NetworkSettings.Networks.bridge.${field}}}`, name);
    const [one, two, gateway] = [await look('one', 'IPAddress'), await look('two', 'IPAddress'), await look('one', 'Gateway')];
    /** The quickest of many, in milliseconds: others at work on the machine make any single one slow. */
    const quickest = (reply: string) => Number(/min\/avg\/max = ([\d.]+)/.exec(reply)?.[1]);
    const ping = async (from: string, to: string) => quickest(await daemon.ok('exec', from, 'ping', '-q', '-A', '-c', '100', to));
    const inside = Math.min(await ping('one', two), await ping('two', one));
    const toBridge = await ping('one', gateway);
    const busybox = await daemon.host.run('busybox', ['ping', '-q', '-A', '-c', '100', one]);
    const outside = quickest(busybox.stdout);
    for (const time of [toBridge, outside])
      assert.ok(Math.abs(inside - time) <= 0.01, `ms: ${inside} inside, ${toBridge} to the bridge, ${outside} outside`);
    await daemon.ok('rm', '-f', 'one', 'two');
  });

  function dockerOnTerminal(...args: string[]): Terminal {
    const [command, words] = daemon.client(...args);
    return new Terminal(command, words, { env: daemon.clientEnv });
  }
});
