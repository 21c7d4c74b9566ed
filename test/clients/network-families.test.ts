// Networks of both families of addresses, and those that lie in the network of the host, by the docker client.
import assert from 'node:assert/strict';
import { after, afterEach, before, suite, test } from 'node:test';
import { eventually, HOST_ADDRESS, NEIGHBOUR_ADDRESS, startDaemon, type TestDaemon } from '../support/index.ts';

const IMAGE = 'gantry/busybox';
const HOST_SIX = 'fd00:99::1';
const NEIGHBOUR_SIX = 'fd00:99::2';

suite('families of addresses, and macvlan, with the docker client', () => {
  let daemon: TestDaemon;
  const ok = (...args: string[]) => daemon.ok(...args);
  before(async () => {
    daemon = await startDaemon({ images: ['busybox'] });
    await daemon.host.run('ip', ['-6', 'address', 'add', `${HOST_SIX}/64`, 'dev', 'eth0', 'nodad']);
    await daemon.host.outside('ip', ['-6', 'address', 'add', `${NEIGHBOUR_SIX}/64`, 'dev', 'eth0', 'nodad']);
  });
  afterEach(async () => {
    const { stdout } = await daemon.docker('ps', '-aq');
    if (stdout !== '') await daemon.docker('rm', '-f', '-v', ...stdout.trim().split('\n'));
    await ok('network', 'prune', '-f');
  });
  after(() => daemon[Symbol.asyncDispose]());

  const sleeper = (name: string, ...flags: string[]) => ok('run', '-d', '--name', name, ...flags, IMAGE, 'sleep', '1000');
  const pings = async (from: string, ...where: string[]) =>
    (await daemon.docker('exec', from, 'ping', '-c1', '-W1', ...where)).status === 0;
  const reaches = (from: string, ...where: string[]) => eventually(`${from} to reach ${where}`, () => pings(from, ...where));

  test('a dual-stack network gives, finds and routes addresses of both families', async () => {
    await ok('network', 'create', '--ipv6', '--subnet', 'fd00:61::/64', '--subnet', '10.61.0.0/24', 'dual');
    await sleeper('fixed', '--network', 'dual', '--ip', '10.61.0.77', '--ip6', 'fd00:61::77');
    await sleeper('other', '--network', 'dual');
    await reaches('other', '-4', 'fixed');
    await reaches('other', '-6', 'fixed');
    assert.match(await ok('exec', 'other', 'nslookup', 'fd00:61::77'), /name = fixed\.dual/);
    assert.match(await ok('exec', 'fixed', 'cat', '/etc/hosts'), /^10\.61\.0\.77\s.*\nfd00:61::77\s/m);
    await reaches('other', '-6', NEIGHBOUR_SIX);
    await sleeper('late');
    await ok('network', 'connect', '--ip', '10.61.0.99', '--ip6', 'fd00:61::99', '--alias', 'bee', 'dual', 'late');
    await reaches('fixed', '-6', 'bee');
    const { stderr } = await daemon.docker('run', '--network', 'dual', '--ip6', 'fd00:61::99', IMAGE, 'true');
    assert.match(stderr, /Address already in use: fd00:61::99 belongs to late/);
  });

  test('a network of IPv6 alone publishes ports and finds names', async () => {
    await ok('network', 'create', '--ipv4=false', '--ipv6', 'six');
    const serve = 'mkdir /w; echo six >/w/index.html; exec httpd -f -h /w -p 80';
    await ok('run', '-d', '--name', 'web', '--network', 'six', '-p', '8090:80', IMAGE, 'sh', '-c', serve);
    await sleeper('client', '--network', 'six');
    await eventually('the server to be found by name', async () =>
      (await daemon.docker('exec', 'client', 'wget', '-qO-', 'http://web/')).stdout.startsWith('six'),
    );
    assert.doesNotMatch(await ok('exec', 'client', 'ip', '-4', 'address', 'show', 'eth0'), /inet /);
    await eventually('the server to answer from outside', async () =>
      (await daemon.host.outside('curl', ['-gs', '--max-time', '2', `http://[${HOST_SIX}]:8090/`])).stdout.startsWith('six'),
    );
  });

  test('a macvlan lies in the network of the host: neighbours reach it, and it goes by their gateway', async () => {
    await ok(
      'network',
      'create',
      '-d',
      'macvlan',
      '-o',
      'parent=eth0',
      '--subnet',
      '10.211.0.0/24',
      '--gateway',
      NEIGHBOUR_ADDRESS,
      '--ip-range',
      '10.211.0.128/25',
      '--aux-address',
      `host=${HOST_ADDRESS}`,
      'lan',
    );
    await sleeper('one', '--network', 'lan');
    await sleeper('two', '--network', 'lan');
    assert.match(await ok('exec', 'one', 'ip', 'route'), new RegExp(`default via ${NEIGHBOUR_ADDRESS} dev eth0`));
    await reaches('one', NEIGHBOUR_ADDRESS);
    await reaches('one', 'two');
    assert.equal(await pings('one', HOST_ADDRESS), false, 'as macvlan is: the host itself is not reached by its parent');
    for (const [flags, words] of [
      [['-o', 'parent=nowhere0'], /there is no device nowhere0/],
      [['-o', 'macvlan_mode=odd'], /unknown macvlan mode/],
    ] as const)
      assert.match((await daemon.docker('network', 'create', '-d', 'macvlan', ...flags, 'refused')).stderr, words);
  });

  test('addresses that run out are refused with the network, and pools with what uses them', async () => {
    await ok('network', 'create', '--subnet', '10.98.0.0/30', 'tiny');
    await sleeper('first', '--network', 'tiny');
    const { status, stderr } = await daemon.docker('run', '-d', '--name', 'second', '--network', 'tiny', IMAGE, 'true');
    assert.notEqual(status, 0);
    assert.match(stderr, /tiny|10\.98\.0\.0\/30/);
    await ok('rm', '-f', 'first');
    await ok('start', 'second');
  });
});
