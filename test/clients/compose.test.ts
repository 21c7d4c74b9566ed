// An application of several services, run by the real docker compose.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { ComposeProject, eventually, type Footprint, lasting, startDaemon, type TestDaemon } from '../support/index.ts';

suite('docker compose', () => {
  let daemon: TestDaemon;
  let shop: ComposeProject;
  let atFirst: Footprint;

  before(async () => {
    daemon = await startDaemon({ images: ['busybox', 'redis'], plugins: ['buildx', 'compose'] });
    atFirst = await daemon.footprint();
    shop = new ComposeProject(daemon, 'test/clients/projects/shop', { TOKEN: 'from the environment', WHOM: 'you' });
  });
  after(() => daemon[Symbol.asyncDispose]());

  /** `name` in the shop's folder says something else from now on. */
  const edit = (name: string, from: string, to: string) => {
    const file = path.join(shop.folder, name);
    const text = readFileSync(file, 'utf8');
    assert.ok(text.includes(from), `${from} is in ${name}`);
    writeFileSync(file, text.replace(from, to));
  };
  const at = async (service: string, field: string) => Date.parse(await shop.inspect(service, `{{.State.${field}}}`));

  test('up builds, waits for health and for those that must end first, and leaves profiles alone', async () => {
    await shop.ok('up', '--detach', '--build', '--wait');
    assert.ok((await at('web', 'StartedAt')) >= (await at('init', 'FinishedAt')), 'web begins when init has ended');
    assert.equal(await shop.inspect('db', '{{.State.Health.Status}}'), 'healthy');
    const services = (await shop.ok('ps', '--all', '--services')).split('\n').sort();
    assert.deepEqual(services, ['clock', 'db', 'extra', 'init', 'side', 'web']);
    assert.match(await shop.ok('ls'), /shop\s+running\(5\)/);
  });

  test('services get their files, variables, addresses and limits', async () => {
    const inside = (script: string) => shop.ok('exec', '-T', 'web', 'sh', '-c', script);
    assert.equal(await inside('cat /run/secrets/password /etc/inline.conf /etc/file.conf'), 'secret word\nmade for you\nfrom a file');
    assert.equal(await inside('cat /run/own/token; stat -c " %a %u" /run/own/token'), 'from the environment 400 7');
    assert.equal(await inside('echo $DIRECT $FROM_FILE $(hostname); cat /who'), 'hello 1 webhost\nyou');
    assert.equal(await inside('cat /proc/sys/net/core/somaxconn; ulimit -Sn; ulimit -Hn'), '1024\n1000\n2000');
    assert.match(await inside('cat /etc/hosts'), /10\.9\.9\.9\s+other/);
    assert.equal(
      await shop.inspect('db', '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}'),
      '67108864 500000000 50',
    );
    assert.equal(await shop.inspect('db', '{{(index .NetworkSettings.Networks "shop_back").IPAddress}}'), '10.77.0.10');
    assert.match(
      await shop.inspect('db', '{{(index .NetworkSettings.Networks "shop_back").Aliases}}'),
      /\bstore\b.*\bdb\b|\bdb\b.*\bstore\b/,
    );
    assert.equal(await shop.ok('exec', '-T', 'side', 'wget', '-qO-', 'http://127.0.0.1'), 'first page', 'side shares the network of web');
    assert.match((await daemon.host.outside('curl', ['-s', 'http://10.211.0.1:8080'])).stdout, /first page/);
  });

  test('what the commands tell is what is', async () => {
    assert.equal(await shop.ok('port', 'web', '80'), '0.0.0.0:8080');
    assert.equal(await shop.ok('port', '--protocol', 'udp', 'web', '81'), '127.0.0.1:8081');
    assert.match(await shop.ok('top', 'web'), /httpd -f -h/);
    assert.match(await shop.ok('images', 'web'), /shop\/web\s+latest\s+linux\/amd64/);
    assert.match(await shop.ok('stats', '--no-stream', '--format', '{{.Name}} {{.MemUsage}}', 'db'), /^shop-db-1 .*64MiB/);
    assert.match(await shop.ok('logs', '--no-log-prefix', 'init'), /^prepared$/);
    assert.match(await shop.ok('logs', '--tail', '1', 'clock'), /^clock-1\s+\| tick \d+$/);
    assert.match(await shop.ok('volumes', '--format', '{{.Name}}'), /^shop_data$/);
    const past = await shop.run('events', '--json', '--since', '10m', '--until', '0s', 'init');
    assert.match(
      past.stdout,
      /"action":"die","attributes":\{.*"exitCode":"0"/,
      'the client calls the end an error: its status says nothing',
    );
  });

  test('exec, run and cp reach into services, with their exit codes', async () => {
    const { status, stdout } = await shop.run(
      'exec',
      '-T',
      '-u',
      '7',
      '-w',
      '/srv',
      '-e',
      'A=b',
      'web',
      'sh',
      '-c',
      'pwd; id -u; echo $A; exit 3',
    );
    assert.deepEqual([status, stdout], [3, '/srv\n7\nb\n']);
    assert.equal((await shop.run('run', '--rm', '-T', '--no-deps', 'web', 'sh', '-c', 'exit 5')).status, 5);
    assert.equal(await shop.ok('run', '--rm', '-T', 'tool'), 'tool', 'named, so its profile does not matter');
    assert.equal(await shop.ok('--profile', 'tools', 'run', '--rm', '-T', '--entrypoint', 'sh', 'tool', '-c', 'echo in'), 'in');
    await shop.ok('cp', 'file.conf', 'extra:/root/copied');
    await shop.ok('cp', 'extra:/root/copied', 'back');
    assert.equal(readFileSync(path.join(shop.folder, 'back'), 'utf8'), 'from a file\n');
    await shop.ok('commit', 'extra', 'shop/kept');
    assert.equal(await daemon.ok('run', '--rm', 'shop/kept', 'cat', '/root/copied'), 'from a file');
    await shop.ok('export', '--output', 'extra.tar', 'extra');
  });

  test('pause, stop, kill, restart and rm change one service', async () => {
    const status = () => shop.ok('ps', '--all', '--format', '{{.State}}', 'extra');
    for (const [command, expected] of [
      [['pause'], 'paused'],
      [['unpause'], 'running'],
      [['restart', '-t', '0'], 'running'],
      [['kill', '-s', 'KILL'], 'exited'],
      [['start'], 'running'],
      [['stop', '-t', '0'], 'exited'],
      [['rm', '--force'], ''],
      [['create'], 'created'],
      [['up', '--detach'], 'running'],
    ] as const) {
      await shop.ok(...command, 'extra');
      assert.equal(await status(), expected, command.join(' '));
    }
  });

  test('up again changes only what the file changes, and what depends on it', async () => {
    const ids = async () => Object.fromEntries(await Promise.all(['db', 'web', 'clock', 'extra'].map(async (s) => [s, await shop.id(s)])));
    const first = await ids();
    await shop.ok('up', '--detach', '--wait');
    assert.deepEqual(await ids(), first, 'nothing changed');
    const webStarted = await at('web', 'StartedAt');
    edit('compose.yaml', 'cpus: "0.5"', 'cpus: "0.6"');
    await shop.ok('up', '--detach', '--wait');
    const second = await ids();
    assert.notEqual(second['db'], first['db']);
    assert.deepEqual([second['clock'], second['extra']], [first['clock'], first['extra']]);
    assert.ok((await at('web', 'StartedAt')) > webStarted, 'restart: true restarts web');
    await shop.ok('up', '--detach', '--force-recreate', '--no-deps', 'extra');
    const third = await ids();
    assert.notEqual(third['extra'], first['extra']);
    assert.equal(third['db'], second['db']);
  });

  test('scale, orphans and other project names', async () => {
    const names = async (...flags: string[]) => (await shop.ok(...flags, 'ps', '--format', '{{.Name}}', 'extra')).split('\n').sort();
    await shop.ok('up', '--detach', '--no-deps', '--scale', 'extra=3', 'extra');
    assert.deepEqual(await names(), ['shop-extra-1', 'shop-extra-2', 'shop-extra-3']);
    await shop.ok('scale', 'extra=1');
    assert.deepEqual(await names(), ['shop-extra-1']);
    await shop.ok('-p', 'other', 'up', '--detach', 'extra');
    assert.deepEqual(await names('-p', 'other'), ['other-extra-1']);
    await shop.ok('-p', 'other', 'down', '--timeout', '0');
    edit('compose.yaml', 'include: [more/compose.yaml]', '');
    assert.match((await shop.run('up', '--detach', 'clock')).stderr, /Found orphan containers \(\[shop-extra-1\]\)/);
    await shop.ok('up', '--detach', '--remove-orphans', 'clock');
    assert.doesNotMatch(await daemon.ok('ps', '--all', '--format', '{{.Names}}'), /extra/);
    edit('compose.yaml', 'name: shop', 'name: shop\ninclude: [more/compose.yaml]');
  });

  test('external networks and volumes must be there, and stay', async () => {
    writeFileSync(
      path.join(shop.folder, 'alone.yaml'),
      [
        'services: {one: {image: gantry/busybox, command: sleep 99, stop_signal: SIGKILL, networks: [far], volumes: ["kept:/kept"]}}',
        'networks: {far: {external: true}}',
        'volumes: {kept: {external: true}}',
      ].join('\n'),
    );
    const alone = (...args: string[]) => ['-f', 'alone.yaml', '-p', 'alone', ...args];
    assert.match(await shop.fails(...alone('up', '-d')), /network far declared as external, but could not be found/);
    await daemon.ok('network', 'create', 'far');
    assert.match(await shop.fails(...alone('up', '-d')), /external volume "kept" not found/);
    await daemon.ok('volume', 'create', 'kept');
    await shop.ok(...alone('up', '-d'));
    await shop.ok(...alone('down', '-v'));
    // Both are still there, to be removed by those who made them.
    await daemon.ok('network', 'rm', 'far');
    await daemon.ok('volume', 'rm', 'kept');
  });

  test('a dependency that fails or never gets well is told, and nobody is started on it', async () => {
    const broken = (condition: string, db: string) =>
      writeFileSync(
        path.join(shop.folder, 'broken.yaml'),
        `services:\n  db: {image: gantry/busybox, ${db}, stop_signal: SIGKILL}\n  web: {image: gantry/busybox, command: sleep 9, depends_on: {db: {condition: ${condition}}}}\n`,
      );
    const up = () => shop.fails('-f', 'broken.yaml', '-p', 'broken', 'up', '--detach');
    broken('service_healthy', 'command: sleep 99, healthcheck: {test: [CMD, "false"], interval: 0.2s, retries: 2}');
    assert.match(await up(), /container broken-db-1 is unhealthy/);
    broken('service_completed_successfully', 'command: sh -c "exit 4"');
    assert.match(await up(), /service "db" didn't complete successfully: exit 4/);
    broken('service_started', 'ports: ["8080:80"], command: sleep 99');
    assert.match(await up(), /8080.*already/);
    assert.equal(await shop.ok('-f', 'broken.yaml', '-p', 'broken', 'ps', '--status', 'running', '--quiet', 'web'), '');
    await shop.ok('-f', 'broken.yaml', '-p', 'broken', 'down', '--timeout', '0');
  });

  for (const moment of [60, 250, 700])
    test(`up goes through after kill -9 of the daemon, ${moment} ms into an up`, async () => {
      await shop.ok('down', '--volumes', '--timeout', '0');
      const cut = shop.run('up', '--detach');
      await sleep(moment);
      await daemon.kill9();
      await cut;
      await daemon.start();
      await shop.ok('up', '--detach', '--wait');
      assert.equal(await shop.ok('exec', '-T', 'side', 'wget', '-qO-', 'http://127.0.0.1'), 'first page');
      assert.match(await shop.ok('exec', '-T', 'web', 'sh', '-c', 'echo PING | nc -w 5 store 6379'), /PONG/);
    });

  test('down removes all that up made', async () => {
    const said = (await shop.run('down', '--volumes', '--rmi', 'local', '--timeout', '1')).stderr;
    for (const gone of ['Volume shop_data', 'Network shop_back', 'Network shop_front', 'Image shop/web:latest', 'Container shop-web-1'])
      assert.match(said, new RegExp(`${gone}\\s+Removed`));
    assert.equal(await daemon.ok('ps', '--all', '--quiet'), '');
    assert.deepEqual((await daemon.ok('network', 'ls', '--format', '{{.Name}}')).split('\n').sort(), ['bridge', 'host', 'none']);
    await eventually('nothing more on the machine than at first', async () =>
      isDeepStrictEqual(lasting(await daemon.footprint()), lasting(atFirst)),
    );
  });
});
