// The daemon as an operator meets it: starting, stopping, side by side, and after someone has meddled.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, statSync } from 'node:fs';
import { suite, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { eventually, lasting, PROJECT, run, startDaemon, startTestHost } from '../support/index.ts';

const IMAGE = 'gantry/busybox';
const TICKER = 'i=0; while true; do i=$((i + 1)); echo tick $i; sleep 0.1; done';

suite('the daemon', () => {
  test('SIGTERM leaves containers running, and the next start has every line and the exit of those that ended', async () => {
    await using daemon = await startDaemon({ images: ['busybox'] });
    await daemon.ok('run', '-d', '--name', 'ticker', IMAGE, 'sh', '-c', TICKER);
    await daemon.ok('run', '-d', '--name', 'brief', IMAGE, 'sh', '-c', 'sleep 1; exit 6');
    const pid = await daemon.ok('inspect', '-f', '{{.State.Pid}}', 'ticker');
    await daemon.stop();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await daemon.start();
    assert.equal(await daemon.ok('inspect', '-f', '{{.State.Pid}} {{.State.Running}}', 'ticker'), `${pid} true`);
    assert.equal(await daemon.ok('inspect', '-f', '{{.State.ExitCode}} {{.State.Running}}', 'brief'), '6 false');
    const lines = (await daemon.ok('logs', 'ticker')).split('\n');
    assert.deepEqual(
      lines,
      lines.map((_, index) => `tick ${index + 1}`),
    );
    await daemon.ok('exec', 'ticker', 'true');
  });

  test('removing all containers leaves the footprint of a daemon that has run none', async () => {
    await using daemon = await startDaemon({ images: ['busybox'] });
    await daemon.ok('run', '--rm', IMAGE, 'true');
    const before = lasting(await daemon.footprint());
    await daemon.ok('run', '-d', '--name', 'one', '-p', '8080:80', '-v', '/data', '-m', '64m', IMAGE, 'sleep', '600');
    await daemon.ok('run', '-d', '--name', 'two', '--network', 'none', '--tmpfs', '/scratch', IMAGE, 'sleep', '600');
    await daemon.restart();
    await daemon.ok('rm', '-f', '-v', 'one', 'two');
    let now = before;
    const isBefore = eventually('the footprint to be as before', async () => {
      now = lasting(await daemon.footprint());
      return isDeepStrictEqual(now, before);
    });
    await isBefore.catch(() => assert.deepEqual(now, before));
  });

  test('two daemons with different roots share a host and see nothing of each other', async () => {
    await using host = await startTestHost();
    await using one = await startDaemon({ host, images: ['busybox'], flags: ['--bip', '172.28.1.1/24'] });
    await using two = await startDaemon({ host, images: ['busybox'], flags: ['--bip', '172.28.2.1/24'] });
    await one.ok('run', '-d', '--name', 'same-name', '-p', '8081:80', IMAGE, 'httpd', '-f', '-h', '/etc');
    await two.ok('run', '-d', '--name', 'same-name', '-p', '8082:80', IMAGE, 'httpd', '-f', '-h', '/etc');
    for (const port of [8081, 8082]) {
      await eventually(
        `port ${port}`,
        async () => (await host.run('curl', ['-sf', '--max-time', '2', `http://127.0.0.1:${port}/group`])).status === 0,
      );
    }
    await one.ok('rm', '-f', 'same-name');
    await one.restart();
    assert.equal(await one.ok('ps', '-aq'), '');
    assert.equal((await host.run('curl', ['-sf', '--max-time', '2', 'http://127.0.0.1:8082/group'])).status, 0);
  });

  test('a second daemon on the same roots is refused with a sentence', async () => {
    await using daemon = await startDaemon();
    const flags = [
      '--host',
      `unix://${daemon.root}/other.sock`,
      '--data-root',
      `${daemon.root}/data`,
      '--exec-root',
      `${daemon.root}/run2`,
    ];
    const second = await run(...daemon.host.inside(`${PROJECT}/bin/gantryd`, flags), { timeout: 10_000 });
    assert.equal(second.status, 1);
    assert.match(second.stderr, /data/);
    assert.match(await daemon.ok('version', '-f', '{{.Server.Version}}'), /./);
  });

  test('users of the host cannot run what a container has put into its layer, nor read what is shared with it', async () => {
    await using daemon = await startDaemon({ images: ['busybox'] });
    chmodSync(daemon.root, 0o755);
    await daemon.ok(
      'run',
      '-d',
      '--name',
      'giver',
      '-v',
      'things:/things',
      IMAGE,
      'sh',
      '-c',
      'cp /bin/busybox /root-id; chmod 4755 /root-id; sleep 600',
    );
    await daemon.ok('exec', 'giver', 'sh', '-c', 'until [ -u /root-id ]; do sleep 0.1; done');
    const upper = `${daemon.root}/data/layers/${await daemon.ok('inspect', '--format', '{{.Id}}', 'giver')}/upper`;
    assert.ok(existsSync(`${upper}/root-id`));
    const nobody = (...words: string[]) => run('setpriv', ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--', ...words]);
    for (const path of [`${upper}/root-id`, `${daemon.root}/data/volumes/things/_data`, `${daemon.root}/run/build/x`]) {
      const { status, stderr } = await nobody('ls', path);
      assert.notEqual(status, 0, path);
      assert.match(stderr, /Permission denied/, path);
    }
    await daemon.ok('rm', '-f', 'giver');
  });

  test('published ports come back when someone flushes the firewall', async () => {
    await using daemon = await startDaemon({ images: ['busybox'] });
    await daemon.ok('run', '-d', '-p', '8085:80', IMAGE, 'httpd', '-f', '-h', '/etc');
    const answers = async () =>
      (await daemon.host.outside('curl', ['-sf', '--max-time', '1', 'http://10.211.0.1:8085/group'])).status === 0;
    await eventually('the port', answers);
    await daemon.host.run('nft', ['flush', 'ruleset']);
    await eventually('the port after the flush', answers, 30_000);
  });

  test("the daemon's own socket, mounted into a container, reaches the daemon", async () => {
    await using daemon = await startDaemon({ images: ['debian'] });
    const script = 'use IO::Socket::UNIX; $s = IO::Socket::UNIX->new("/s.sock"); print $s "GET /_ping HTTP/1.0\\r\\n\\r\\n"; print <$s>';
    const answer = await daemon.ok('run', '--rm', '-v', `${daemon.socket}:/s.sock`, 'gantry/debian:12', 'perl', '-e', script);
    assert.match(answer, /^HTTP\/1\.1 200[\s\S]*OK$/);
    assert.equal(statSync(daemon.socket).mode & 0o007, 0, 'others may not use the socket');
  });
});
