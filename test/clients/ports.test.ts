// Published ports and network modes, as the host, its loopback and another machine see them.
import assert from 'node:assert/strict';
import { after, afterEach, before, suite, test } from 'node:test';
import { eventually, HOST_ADDRESS, startDaemon, type TestDaemon, UPLINK_MTU } from '../support/index.ts';

const IMAGE = 'gantry/busybox';
/** A web server that answers with the word given. */
const server = (word: string) => ['sh', '-c', `mkdir -p /www && echo ${word} >/www/index.html && exec httpd -f -h /www -p 80`];
const echo = '$s = IO::Socket::INET->new(LocalPort => 53, Proto => "udp"); while (defined $s->recv($b, 1500)) { $s->send($b) }';

suite('published ports with the docker client', () => {
  let daemon: TestDaemon;
  const ok = (...args: string[]) => daemon.ok(...args);
  before(async () => {
    daemon = await startDaemon({ images: ['busybox', 'debian'] });
  });
  afterEach(async () => {
    const { stdout } = await daemon.docker('ps', '-aq');
    if (stdout !== '') await daemon.docker('rm', '-f', '-v', ...stdout.trim().split('\n'));
  });
  after(() => daemon[Symbol.asyncDispose]());

  const fetched = (where: 'run' | 'outside', url: string) =>
    eventually(`${url} to answer`, async () => {
      const { status, stdout } = await daemon.host[where]('curl', ['-sfg', '--max-time', '2', url]);
      return status === 0 && stdout.trim();
    });

  test('a port bound to loopback answers the host and nobody else', async () => {
    await ok('run', '-d', '-p', '127.0.0.1:8081:80', IMAGE, ...server('private'));
    assert.equal(await fetched('run', 'http://127.0.0.1:8081/'), 'private');
    assert.notEqual((await daemon.host.outside('curl', ['-s', '--max-time', '1', `http://${HOST_ADDRESS}:8081/`])).status, 0);
  });

  test('an ephemeral port and -P are shown by docker port and answer', async () => {
    await ok('run', '-d', '--name', 'chosen', '-p', '80', IMAGE, ...server('chosen'));
    await ok('run', '-d', '--name', 'exposed', '--expose', '80', '-P', IMAGE, ...server('exposed'));
    for (const name of ['chosen', 'exposed']) {
      const [, port] = /0\.0\.0\.0:(\d+)/.exec(await ok('port', name, '80')) ?? [];
      assert.equal(await fetched('outside', `http://${HOST_ADDRESS}:${port}/`), name);
    }
  });

  test('a range of ports is published pair by pair', async () => {
    await ok('run', '-d', '--name', 'range', '-p', '7000-7002:79-81', IMAGE, ...server('range'));
    assert.match(await ok('port', 'range'), /80\/tcp -> 0\.0\.0\.0:7001/);
    assert.equal(await fetched('outside', `http://${HOST_ADDRESS}:7001/`), 'range');
  });

  test('an IPv6 host address answers on IPv6', async () => {
    await ok('run', '-d', '-p', '[::1]:8086:80', IMAGE, ...server('six'));
    assert.equal(await fetched('run', 'http://[::1]:8086/'), 'six');
  });

  test('a UDP port passes datagrams both ways', async () => {
    await ok('run', '-d', '-p', '5353:53/udp', 'gantry/debian:12', 'perl', '-MIO::Socket::INET', '-e', echo);
    await eventually('an echo', async () => {
      const { stdout } = await daemon.host.outside('socat', ['-T1', '-', `UDP4:${HOST_ADDRESS}:5353`], { input: 'ping\n' });
      return stdout === 'ping\n';
    });
  });

  test('a port in use is refused with its number, and the container stays created', async () => {
    await ok('run', '-d', '-p', '8082:80', IMAGE, ...server('first'));
    const second = await daemon.docker('run', '-d', '--name', 'second', '-p', '8082:80', IMAGE, 'true');
    assert.equal(second.status, 125);
    assert.match(second.stderr, /8082.*(already allocated|already in use)/);
    assert.equal(await ok('inspect', '-f', '{{.State.Status}}', 'second'), 'created');
  });

  test('a container reaches a published port by the address of the host', async () => {
    await ok('run', '-d', '-p', '8083:80', IMAGE, ...server('hairpin'));
    await fetched('run', 'http://127.0.0.1:8083/');
    assert.equal(await ok('run', '--rm', IMAGE, 'wget', '-qO-', `http://${HOST_ADDRESS}:8083/`), 'hairpin');
  });

  test('--network container shares address and ports, and host-gateway reaches the host', async () => {
    await ok('run', '-d', '--name', 'base', IMAGE, ...server('shared'));
    assert.equal(await ok('run', '--rm', '--network', 'container:base', IMAGE, 'wget', '-qO-', 'http://127.0.0.1/'), 'shared');
    const hosts = await ok('run', '--rm', '--add-host', 'gate:host-gateway', IMAGE, 'grep', 'gate', '/etc/hosts');
    const gateway = await ok('network', 'inspect', '-f', '{{(index .IPAM.Config 0).Gateway}}', 'bridge');
    assert.equal(hosts.split(/\s+/)[0], gateway);
  });

  test('a container and its bridge have the MTU of the uplink', async () => {
    assert.match(await ok('run', '--rm', IMAGE, 'ip', 'link', 'show', 'eth0'), new RegExp(` mtu ${UPLINK_MTU} `));
  });

  test('what leaves a container carries the address of the host', async () => {
    await ok('run', '-d', '--name', 'inner', IMAGE, 'sleep', '600');
    const listener = daemon.host.outside('socat', ['-T5', 'TCP4-LISTEN:9000,reuseaddr', 'SYSTEM:echo $SOCAT_PEERADDR'], {
      timeout: 10_000,
    });
    const seen = await eventually('an answer from the neighbour', async () => {
      const { stdout } = await daemon.docker('exec', 'inner', 'nc', '-w', '2', '10.211.0.2', '9000');
      return stdout.trim();
    });
    await listener;
    assert.equal(seen, HOST_ADDRESS);
  });

  test('the ports of a stopped container are free, and come back with it', async () => {
    await ok('run', '-d', '--name', 'again', '-p', '8084:80', IMAGE, ...server('again'));
    assert.equal(await fetched('outside', `http://${HOST_ADDRESS}:8084/`), 'again');
    await ok('stop', '-t', '0', 'again');
    assert.notEqual((await daemon.host.run('curl', ['-s', '--max-time', '1', 'http://127.0.0.1:8084/'])).status, 0);
    await ok('start', 'again');
    assert.equal(await fetched('outside', `http://${HOST_ADDRESS}:8084/`), 'again');
  });
});
