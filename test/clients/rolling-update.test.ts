// gantry compose up on a service that changed: one container after the other, and no request is lost, whatever happens to the daemon.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, suite, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import {
  eventually,
  exitOf,
  type Footprint,
  HOST_ADDRESS,
  type LoadOptions,
  lasting,
  type Outcome,
  PROJECT,
  run,
  start,
  startDaemon,
  startLoad,
  type TestDaemon,
} from '../support/index.ts';

const URL = `http://${HOST_ADDRESS}:8080/`;

suite('rolling updates', { timeout: 300_000 }, () => {
  let daemon: TestDaemon;
  let folder: string;
  let atFirst: Footprint;

  before(async () => {
    daemon = await startDaemon({ images: ['busybox', 'nginx'] });
    folder = path.join(daemon.root, 'shop');
    mkdirSync(folder);
    atFirst = await daemon.footprint();
  });
  after(() => daemon?.[Symbol.asyncDispose]());
  afterEach(async () => void (await gantry('down', '-v', '-t', '1')));

  const write = (text: string) => writeFileSync(path.join(folder, 'compose.yaml'), text);
  const words = (...args: string[]) => daemon.host.inside(path.join(PROJECT, 'bin/gantry'), ['compose', ...args]);
  const gantry = (...args: string[]): Promise<Outcome> => run(...words(...args), { cwd: folder, env: daemon.clientEnv });
  const ok = async (...args: string[]) => {
    const { status, stdout, stderr } = await gantry(...args);
    assert.equal(status, 0, `gantry compose ${args.join(' ')}: ${stderr}`);
    return stdout + stderr;
  };
  const names = async () => (await daemon.ok('ps', '--all', '--format', '{{.Names}}')).split('\n').filter(Boolean).sort();
  const page = async () => (await daemon.host.outside('curl', ['--silent', '--max-time', '5', URL])).stdout.trim();
  const fromOutside = (requestsPerConnection: number): LoadOptions => ({
    url: URL,
    connections: 3,
    requestsPerConnection,
    inside: intoNeighbour,
  });
  const intoNeighbour = (command: string, args: readonly string[]): [string, string[]] => [
    'ip',
    ['netns', 'exec', `${daemon.host.name}-out`, command, ...args],
  ];

  /** A web server that says `version`, and says goodbye on a connection after 200 requests; `more` are lines of the service. */
  const web = (version: string, ...more: string[]) => `
services:
  web:
    image: gantry/nginx
    command: [sh, -c, 'sleep 0.5; echo "keepalive_requests 200;" > /etc/nginx/conf.d/keep.conf; echo I am ${version}; echo ${version} > /var/www/html/index.html; exec nginx -g "daemon off;"']
    healthcheck: {test: [CMD, test, -s, /run/nginx.pid], interval: 1s, start_interval: 300ms, start_period: 5s}
${more.map((line) => `    ${line}\n`).join('')}  client: {image: gantry/busybox, command: [sleep, "1000"], init: true}
`;

  test('lose no request through a published port and by name, with and without kept connections', async () => {
    write(web('one', 'ports: ["8080:80"]'));
    await ok('up', '-d', '--wait');
    const pid = await daemon.ok('inspect', '--format', '{{.State.Pid}}', 'shop-client-1');
    const byName: LoadOptions = {
      ...fromOutside(1),
      url: 'http://web/',
      nameServer: '127.0.0.11',
      inside: (command, args) => ['nsenter', [`--net=/proc/${pid}/ns/net`, '--', command, ...args]],
    };
    using fresh = startLoad(fromOutside(1));
    using kept = startLoad(fromOutside(0));
    using named = startLoad(byName);
    using namedKept = startLoad({ ...byName, requestsPerConnection: 0 });
    const watching = start(...words('logs', '--follow', '--no-color', 'web'), { cwd: folder, env: daemon.clientEnv });
    let log = '';
    watching.stdout?.on('data', (chunk) => {
      log += chunk;
    });
    for (const version of ['two', 'three', 'four']) {
      write(web(version, 'ports: ["8080:80"]'));
      assert.match(await ok('up', '-d'), /Container shop-web-1 {2}Replacing \(command\)[^]*Took over/);
    }
    for (const [way, load] of Object.entries({ fresh, kept, named, namedKept })) {
      const { answers, failures } = await load.end();
      assert.deepEqual(failures, [], way);
      // Both sides of each update were asked, or nothing is proved.
      assert.deepEqual(Object.keys(answers).sort(), ['four', 'one', 'three', 'two'], way);
    }
    // Who follows the log sees that of the successors.
    await eventually('the log of the last one', async () => /^web-1 {2}\| I am four$/m.test(log)).finally(() => watching.kill());
    assert.deepEqual(await names(), ['shop-client-1', 'shop-web-1']);
    assert.equal(await daemon.ok('port', 'shop-web-1', '80'), '0.0.0.0:8080\n[::]:8080');
  });

  test('replace replicas one at a time, by the rules of the file', async () => {
    write(web('one', 'deploy: {replicas: 3, update_config: {parallelism: 2, delay: 100ms}}'));
    await ok('up', '-d', '--wait');
    const before = await daemon.ok('ps', '--quiet', '--filter', 'label=com.docker.compose.service=web');
    write(web('two', 'deploy: {replicas: 3, update_config: {parallelism: 2, delay: 100ms}}'));
    const pid = await daemon.ok('inspect', '--format', '{{.State.Pid}}', 'shop-client-1');
    using named = startLoad({
      url: 'http://web/',
      connections: 3,
      requestsPerConnection: 20,
      nameServer: '127.0.0.11',
      inside: (command, args) => ['nsenter', [`--net=/proc/${pid}/ns/net`, '--', command, ...args]],
    });
    await ok('up', '-d');
    const { failures } = await named.end();
    assert.deepEqual(failures, []);
    assert.deepEqual(await names(), ['shop-client-1', 'shop-web-1', 'shop-web-2', 'shop-web-3']);
    const now = await daemon.ok('ps', '--quiet', '--filter', 'label=com.docker.compose.service=web');
    assert.equal(now.split('\n').filter((id) => before.includes(id)).length, 0);
  });

  test('lose no request by name where each container stops before its successor starts, nor when the scale changes', async () => {
    const store = (version: string) => `${web(version, 'deploy: {replicas: 3}', 'volumes: ["data:/data"]')}volumes: {data: }\n`;
    write(store('one'));
    await ok('up', '-d', '--wait');
    const pid = await daemon.ok('inspect', '--format', '{{.State.Pid}}', 'shop-client-1');
    using named = startLoad({
      url: 'http://web/',
      connections: 3,
      requestsPerConnection: 1,
      nameServer: '127.0.0.11',
      inside: (command, args) => ['nsenter', [`--net=/proc/${pid}/ns/net`, '--', command, ...args]],
    });
    write(store('two'));
    assert.match(await ok('up', '-d', '--scale', 'web=2'), /it writes to the volume data/);
    assert.deepEqual(await names(), ['shop-client-1', 'shop-web-1', 'shop-web-2']);
    assert.match(await ok('up', '-d', '--scale', 'web=4'), /shop-web-4 {2}Waiting/);
    const { answers, failures } = await named.end();
    assert.deepEqual([failures, Object.keys(answers).sort()], [[], ['one', 'two']]);
    assert.equal((await names()).length, 5);
  });

  test('keep the old container when the new one does not get healthy, and say why', async () => {
    write(web('one', 'ports: ["8080:80"]'));
    await ok('up', '-d', '--wait');
    using load = startLoad(fromOutside(1));
    write(web('two', 'ports: ["8080:80"]', 'user: nobody').replace('sleep 0.5;', 'echo cannot go on >&2; exit 7;'));
    const { status, stderr } = await gantry('up', '-d');
    assert.equal(status, 1);
    assert.match(
      stderr,
      /services\.web: not updated, and shop-web-1 goes on as before: container \w+_shop-web-1 ended with exit code 7\n.* \| cannot go on/,
    );
    write(
      web('two', 'ports: ["8080:80"]')
        .replace('[CMD, test, -s, /run/nginx.pid]', '[CMD, sh, -c, "echo not well; exit 3"]')
        .replace('start_period: 5s', 'start_period: 0s, retries: 1'),
    );
    assert.match((await gantry('up', '-d')).stderr, /is unhealthy: its check ended with 3: not well/);
    const { answers, failures } = await load.end();
    assert.deepEqual([failures, Object.keys(answers)], [[], ['one']]);
    assert.deepEqual(await names(), ['shop-client-1', 'shop-web-1']);
  });

  test('put back what was replaced before when --rollback is asked for', async () => {
    const scaled = (version: string) => web(version, 'ports: ["8080-8082:80"]', 'deploy: {replicas: 2}');
    write(scaled('one'));
    await ok('up', '-d', '--wait');
    const before = await daemon.ok('ps', '--quiet', '--no-trunc');
    // The second new container finds that the first one was there.
    write(
      `${scaled('two')
        .replace('sleep 0.5;', 'mkdir /mark/one 2>/dev/null || exit 9;')
        .replace('healthcheck', 'volumes: ["mark:/mark"]\n    healthcheck')
        .replace('replicas: 2', 'replicas: 2, update_config: {order: start-first}')}volumes: {mark: }\n`,
    );
    const { status, stderr } = await gantry('up', '-d', '--rollback');
    assert.equal(status, 1, stderr);
    assert.match(stderr, /Serves again/);
    assert.equal(await daemon.ok('ps', '--quiet', '--no-trunc'), before);
    const published = await Promise.all(['shop-web-1', 'shop-web-2'].map((name) => daemon.ok('port', name, '80/tcp')));
    assert.deepEqual(published.map((text) => text.split('\n')[0]).sort(), ['0.0.0.0:8080', '0.0.0.0:8081']);
    assert.equal(await page(), 'one');
  });

  for (const moment of ['Waiting', 'Took over', 'Draining'])
    test(`are finished or undone by the next up when the daemon is killed at "${moment}", and lose no request`, async () => {
      write(web('one', 'ports: ["8080:80"]'));
      await ok('up', '-d', '--wait');
      using load = startLoad(fromOutside(1));
      write(web('two', 'ports: ["8080:80"]'));
      const updating = start(...words('up', '-d'), { cwd: folder, env: daemon.clientEnv });
      let said = '';
      updating.stderr?.on('data', (chunk) => (said += chunk));
      await eventually(`"${moment}"`, async () => said.includes(`  ${moment}`));
      await daemon.kill9();
      await eventually('the end of the client', async () => updating.exitCode !== null);
      assert.notEqual(updating.exitCode, 0);
      await daemon.start();
      await ok('up', '-d');
      assert.equal(await page(), 'two');
      const { failures } = await load.end();
      assert.deepEqual(failures, []);
      assert.deepEqual(await names(), ['shop-client-1', 'shop-web-1']);
      assert.match(await ok('up', '-d'), /Container shop-web-1 {2}Running/);
    });

  test('are undone by Ctrl-C, which leaves the old container as it was', async () => {
    write(web('one', 'ports: ["8080:80"]'));
    await ok('up', '-d', '--wait');
    write(
      web('two', 'ports: ["8080:80"]')
        .replace('[CMD, test, -s, /run/nginx.pid]', '[CMD, "false"]')
        .replace('start_period: 5s', 'start_period: 60s'),
    );
    const updating = start(...words('up', '-d'), { cwd: folder, env: daemon.clientEnv });
    let said = '';
    updating.stderr?.on('data', (chunk) => {
      said += chunk;
    });
    await eventually('the new container', async () => said.includes('  Waiting'));
    updating.kill('SIGINT');
    assert.equal(await exitOf(updating), 130, said);
    assert.match(said, /not updated, and shop-web-1 goes on as before: interrupted/);
    assert.deepEqual(await names(), ['shop-client-1', 'shop-web-1']);
    assert.equal(await page(), 'one');
  });

  test('stop the old container first where two cannot be there, and start it again when the new one fails', async () => {
    const store = (version: string, command: string) =>
      `services: {db: {image: gantry/busybox, command: [sh, -c, "${command}"], environment: {V: ${version}}, volumes: ["data:/data"], init: true}}\nvolumes: {data: }\n`;
    write(store('1', 'sleep 1000'));
    await ok('up', '-d');
    write(store('2', 'sleep 1000'));
    assert.match(await ok('up', '--dry-run'), /replace +container +shop-db-1 +environment +stop-first: it writes to the volume data/);
    assert.match(await ok('up', '-d', '-t', '1'), /stops before the new one starts: it writes to the volume data/);
    write(store('3', 'exit 5'));
    const { status, stderr } = await gantry('up', '-d', '-t', '1');
    assert.equal(status, 1);
    assert.match(stderr, /shop-db-1 was started again: container \w+_shop-db-1 ended with exit code 5/);
    assert.deepEqual(await names(), ['shop-db-1']);
    assert.match(await daemon.ok('inspect', '--format', '{{.State.Status}} {{.Config.Env}}', 'shop-db-1'), /^running .*\bV=2\b/);
  });

  test('leave nothing behind', async () => {
    await daemon.restart();
    await eventually('what was there at first', async () => isDeepStrictEqual(lasting(await daemon.footprint()), lasting(atFirst)));
  });
});
