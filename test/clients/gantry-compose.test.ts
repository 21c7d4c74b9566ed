// gantry compose as a person uses it: on a whole application, beside docker compose, on a terminal, and with mistakes.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { type Outcome, PROJECT, run, startDaemon, Terminal, type TestDaemon } from '../support/index.ts';

const APPLICATION = `
services:
  web:
    image: gantry/busybox
    command: [sh, -c, "cat /run/secrets/token /etc/greeting > /www/index.html; exec httpd -f -p 80 -h /www"]
    init: true
    tmpfs: [/www]
    ports: ["8080:80"]
    secrets: [token]
    configs: [{source: greeting, target: /etc/greeting, mode: 0440, gid: "7"}]
    networks: {front: {aliases: [shopfront], ipv4_address: 10.77.0.9}}
    depends_on: {setup: {condition: service_completed_successfully}, db: {condition: service_healthy}}
    deploy: {resources: {limits: {cpus: "0.5", memory: 64M}}}
    stop_grace_period: 3s
    x-gantry: {expose: public}
  setup: {image: gantry/busybox, command: [sh, -c, "echo made > /data/made; exit \${SETUP:-0}"], volumes: ["data:/data"], networks: [front]}
  db:
    image: gantry/busybox
    command: sleep 1000
    init: true
    environment: {MODE: "\${MODE:-plain}"}
    healthcheck: {test: [CMD, test, -e, /data/made], interval: 1s}
    volumes: ["data:/data", "./notes:/notes"]
    networks: [front]
    pre_stop: [{command: "touch /notes/stopping"}]
  extra: {image: gantry/busybox, command: sleep 1000, init: true, network_mode: "service:db", profiles: [more]}
networks: {front: {ipam: {config: [{subnet: 10.77.0.0/24}]}}}
volumes: {data: }
secrets: {token: {environment: TOKEN}}
configs: {greeting: {content: "hello \${WHO:-you}"}}
`;

suite('gantry compose', { timeout: 240_000 }, () => {
  let daemon: TestDaemon;
  let folder: string;

  before(async () => {
    daemon = await startDaemon({ images: ['busybox'], plugins: ['compose'] });
    folder = path.join(daemon.root, 'shop');
    mkdirSync(path.join(folder, 'notes'), { recursive: true });
    writeFileSync(path.join(folder, '.env'), 'TOKEN=secret-\n');
    write(APPLICATION);
  });
  after(() => daemon?.[Symbol.asyncDispose]());

  const write = (text: string) => writeFileSync(path.join(folder, 'compose.yaml'), text);
  const words = (...args: string[]) => daemon.host.inside(path.join(PROJECT, 'bin/gantry'), ['compose', ...args]);
  const gantryWith = (env: Record<string, string>, ...args: string[]): Promise<Outcome> =>
    run(...words(...args), { cwd: folder, env: { ...daemon.clientEnv, ...env } });
  const gantry = (...args: string[]) => gantryWith({}, ...args);
  const ok = async (...args: string[]) => {
    const { status, stdout, stderr } = await gantry(...args);
    assert.equal(status, 0, `gantry compose ${args.join(' ')}: ${stderr}`);
    return stdout + stderr;
  };
  const docker = async (...args: string[]) => {
    const { status, stdout, stderr } = await daemon.dockerWith({ cwd: folder, env: { COMPOSE_MENU: 'false' } }, 'compose', ...args);
    assert.equal(status, 0, `docker compose ${args.join(' ')}: ${stderr}`);
    return stdout + stderr;
  };

  test('up tells first what it would do, then does it, each service after those that it needs', async () => {
    const plan = JSON.parse((await gantry('up', '--dry-run', '--format', 'json')).stdout) as {
      Action: string;
      Kind: string;
      Name: string;
    }[];
    assert.deepEqual(
      plan.map(({ Action, Kind, Name }) => `${Action} ${Kind} ${Name}`),
      [
        'create network shop_front',
        'create volume shop_data',
        'create container shop-setup-1',
        'create container shop-db-1',
        'create container shop-web-1',
      ],
    );
    assert.equal(await daemon.ok('ps', '--all', '--quiet'), '', 'a plan does nothing');
    const said = await ok('up', '-d', '--wait', 'web').catch(async (error: unknown) => {
      throw new Error(`${error}\n${(await gantry('logs')).stdout}`);
    });
    const at = (line: string) => said.indexOf(line);
    assert.ok(
      at('Container shop-setup-1  Exited') < at('Container shop-web-1  Starting') &&
        at('Container shop-db-1  Healthy') < at('Container shop-web-1  Starting'),
      said,
    );
    assert.match(await ok('up', '-d'), /shop-web-1 {2}Running/);
  });

  test('secrets, configs, addresses and limits arrive', async () => {
    const page = await daemon.host.outside('curl', ['--silent', 'http://10.211.0.1:8080/']);
    assert.equal(page.stdout, 'secret-hello you');
    assert.match(await ok('exec', '-T', 'web', 'ls', '-ln', '/etc/greeting'), /^-r--r-----\s+1 0\s+7 /);
    assert.match(await ok('exec', '-T', 'db', 'nslookup', 'shopfront'), /10\.77\.0\.9/);
    assert.equal(
      await daemon.ok('inspect', '--format', '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.Config.StopTimeout}}', 'shop-web-1'),
      '67108864 500000000 3',
    );
    assert.equal((await ok('port', 'web', '80')).trim(), '0.0.0.0:8080');
    assert.doesNotMatch(await daemon.ok('inspect', 'shop-web-1'), /secret-/, 'what is secret is not shown');
  });

  test('a change of a variable, a config or an image is seen, and named', async () => {
    const plan = async (env: Record<string, string>) => (await gantryWith(env, 'up', '--dry-run')).stdout;
    assert.match(await plan({ MODE: 'other' }), /replace +container +shop-db-1 +environment +stop-first: it writes to the volume data/);
    assert.match(
      await plan({ WHO: 'all' }),
      /replace +container +shop-web-1 +content of \/etc\/greeting +stop-first: its IPv4 address on front is fixed/,
    );
    assert.match(await plan({}), /keep +container +shop-web-1/);
    assert.match(await ok('up', '--dry-run', '--scale', 'web=0'), /remove +container +shop-web-1 +the scale is 0/);
  });

  test('docker compose and gantry compose work on projects of each other', async () => {
    const names = (text: string) => [...text.matchAll(/^(shop-\S+)/gm)].map((match) => match[1]);
    assert.deepEqual(names(await docker('ps', '--all')), names(await ok('ps', '--all')));
    assert.deepEqual(await docker('logs', '--no-log-prefix', 'setup'), await ok('logs', '--no-log-prefix', 'setup'));
    assert.match(await docker('ls'), /shop +exited\(1\), running\(2\)|shop +running\(2\)/);
    await docker('down', '--timeout', '1');
    assert.equal(await daemon.ok('ps', '--all', '--quiet'), '');
    assert.equal(await docker('config', '--hash', '*'), await ok('config', '--hash', '*'));
    await docker('up', '--detach', '--wait', 'db');
    assert.match(await ok('ps'), /shop-db-1 .* db .*\(healthy\)/);
    // Each takes what the other made for its own.
    assert.match(await ok('up', '-d'), /shop-db-1 {2}Running/);
    assert.match(await docker('up', '--detach'), /shop-web-1 {2}Running/);
    assert.match(await ok('exec', '-T', 'db', 'hostname'), /^[0-9a-f]{12}$/m);
    await ok('--profile', 'more', 'up', '-d', 'extra');
    const share = (name: string) => daemon.ok('inspect', '--format', '{{.HostConfig.NetworkMode}} {{.Id}}', name);
    assert.equal((await share('shop-extra-1')).split(' ')[0], `container:${(await share('shop-db-1')).split(' ')[1]}`);
    // A service that shares a namespace goes with it.
    assert.match(
      (await gantryWith({ MODE: 'new' }, '--profile', 'more', 'up', '-d', '-t', '1')).stderr,
      /shop-extra-1 {2}Replacing \(db is replaced, whose namespace it shares\)/,
    );
    assert.ok(readdirSync(path.join(folder, 'notes')).includes('stopping'), 'the hook ran before the stop');
  });

  test('run, stop, start, restart, kill, pause, cp, top, images and rm do what they say', async () => {
    const { stdout, status } = await run(...words('run', '--rm', '-T', '-e', 'A=b', 'db', 'sh', '-c', 'cat; echo $A $MODE; exit 4'), {
      cwd: folder,
      env: daemon.clientEnv,
      input: 'typed ',
    });
    assert.deepEqual([stdout, status], ['typed b plain\n', 4]);
    assert.match(await ok('stop', '-t', '1', 'db'), /shop-db-1 {2}Stopped/);
    assert.match((await gantry('exec', '-T', 'db', 'true')).stderr, /service db is not running: container shop-db-1 is exited/);
    await ok('start', 'db');
    await ok('restart', '-t', '1', 'db');
    await ok('pause', 'db');
    assert.match(await ok('ps', '--status', 'paused'), /shop-db-1/);
    await ok('unpause', 'db');
    assert.match(await ok('top', 'db'), /shop-db-1\n[^]*sleep 1000/);
    assert.match(await ok('images', 'db'), /shop-db-1 +gantry\/busybox +latest/);
    await ok('cp', './.env', 'db:/copied');
    assert.match(await ok('exec', '-T', 'db', 'cat', '/copied'), /TOKEN=secret-/);
    await ok('kill', 'db');
    assert.match(await ok('rm', '-f', 'db'), /shop-db-1 {2}Removed/);
    await ok('--profile', 'more', 'down', '-v', '-t', '1');
    assert.deepEqual(
      [
        await daemon.ok('ps', '-aq'),
        await daemon.ok('volume', 'ls', '-q'),
        await daemon.ok('network', 'ls', '-q', '--filter', 'name=shop'),
      ],
      ['', '', ''],
    );
  });

  test('up on a terminal shows rows and logs, and Ctrl-C stops all', async () => {
    write(
      'services: {tick: {image: gantry/busybox, init: true, command: [sh, -c, "while true; do echo tick; sleep 0.2; done"]}, other: {image: gantry/busybox, init: true, command: sleep 100}}\n',
    );
    const [command, args] = words('up', '-t', '1');
    using terminal = new Terminal(command, args, { cwd: folder, env: { ...daemon.clientEnv, TERM: 'xterm' } });
    await terminal.sees(/✔ Container shop-tick-1/);
    await terminal.sees(/tick-1 {3}\| tick/);
    terminal.type('\x03');
    await terminal.sees(/Gracefully stopping/);
    assert.equal(await terminal.ended(), 130);
    assert.equal(await daemon.ok('ps', '--quiet'), '');
    assert.match(terminal.screen, /tick-1 exited with code \d+/);
    await ok('down');
  });

  test('up tells which service failed and why, and takes exit codes', async () => {
    write(APPLICATION);
    const failed = await gantryWith({ SETUP: '3' }, 'up', '-d');
    assert.equal(failed.status, 1);
    assert.match(failed.stderr, /services\.web cannot start: it needs setup: container shop-setup-1 ended with exit code 3/);
    await ok('down', '-v', '-t', '1');
    write(
      'services: {a: {image: gantry/busybox, command: [sh, -c, "echo said; exit 6"]}, b: {image: gantry/busybox, init: true, command: sleep 100}}\n',
    );
    const { status, stdout } = await gantry('up', '--exit-code-from', 'a', '-t', '1');
    assert.deepEqual([status, stdout.split('\n').filter((line) => line.startsWith('a-1'))], [6, ['a-1  | said', 'a-1 exited with code 6']]);
    await ok('up', '-d', 'b');
    assert.match(await ok('scale', 'b=2'), /shop-b-2 {2}Ready/);
    assert.match(await ok('stats', '--no-stream', 'b'), /shop-b-1[^]*shop-b-2/);
    assert.match(await ok('scale', 'b=0'), /shop-b-2 {2}Removed/);
    await ok('up', '-d', 'a');
    const waited = await gantry('wait', 'a');
    assert.deepEqual([waited.status, waited.stdout], [6, 'container "shop-a-1" exited with status code 6\n']);
    await ok('down');
  });

  test('mistakes are told with their place, before anything is done', async () => {
    write('services:\n  web:\n    imge: x\n');
    const { status, stderr } = await gantry('up', '-d');
    assert.deepEqual(
      [status, stderr.split('\n').slice(0, 3)],
      [15, ['compose.yaml:3:5: services.web: unknown key "imge": did you mean "image"?', '  3 |     imge: x', '    |     ^^^^']],
    );
    write('services: {web: {image: gantry/busybox, networks: [old]}}\nnetworks: {old: {external: true}}\n');
    assert.match((await gantry('up', '-d')).stderr, /network old declared as external, but could not be found/);
    assert.match((await gantry('up', 'wbe')).stderr, /no such service: wbe: did you mean "web"\?/);
    assert.match((await gantry('upp')).stderr, /Did you mean 'gantry compose up'\?/);
    assert.match((await gantry('-f', 'none.yaml', 'ps')).stderr, /open .*none\.yaml: no such file or directory/);
    assert.equal(await daemon.ok('ps', '--all', '--quiet'), '');
  });
});
