// Networks that people make, driven by the docker client.
import assert from 'node:assert/strict';
import { after, afterEach, before, suite, test } from 'node:test';
import { lookUp } from '../../src/network/testing/look-up.ts';
import { eventually, startDaemon, type TestDaemon } from '../support/index.ts';

const IMAGE = 'gantry/busybox';

suite('networks with the docker client', () => {
  let daemon: TestDaemon;
  const ok = (...args: string[]) => daemon.ok(...args);
  before(async () => {
    daemon = await startDaemon({ images: ['busybox'] });
  });
  afterEach(async () => {
    const { stdout } = await daemon.docker('ps', '-aq');
    if (stdout !== '') await daemon.docker('rm', '-f', '-v', ...stdout.trim().split('\n'));
    await ok('network', 'prune', '-f');
  });
  after(() => daemon[Symbol.asyncDispose]());

  const addressOn = (network: string, container: string) =>
    ok('inspect', '-f', `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, container);
  const sleeper = (name: string, ...flags: string[]) => ok('run', '-d', '--name', name, ...flags, IMAGE, 'sleep', '1000');
  const pings = async (from: string, address: string) => (await daemon.docker('exec', from, 'ping', '-c1', '-W1', address)).status === 0;

  test('two containers of a network reach each other, and nobody of another network reaches them', async () => {
    await ok('network', 'create', 'front');
    await ok('network', 'create', '--subnet', '10.61.0.0/24', '--gateway', '10.61.0.9', 'back');
    await sleeper('one', '--network', 'front');
    await sleeper('two', '--network', 'front');
    await sleeper('far', '--network', 'back', '--ip', '10.61.0.77');
    await sleeper('plain');
    assert.ok(await pings('one', await addressOn('front', 'two')));
    assert.equal(await addressOn('back', 'far'), '10.61.0.77');
    assert.equal(await pings('one', '10.61.0.77'), false);
    assert.equal(await pings('plain', '10.61.0.77'), false);
    assert.match(await ok('exec', 'far', 'ip', 'route'), /default via 10\.61\.0\.9 dev eth0/);
  });

  test('connect and disconnect change a running container, also over kill -9', async () => {
    await ok('network', 'create', 'front');
    await ok('network', 'create', 'later');
    await sleeper('one', '--network', 'front');
    await sleeper('two', '--network', 'later');
    await ok('network', 'connect', '--alias', 'uno', 'later', 'one');
    const address = await addressOn('later', 'one');
    assert.ok(await pings('two', address));
    await daemon.kill9();
    await daemon.start();
    assert.ok(await pings('two', address));
    assert.match(await ok('inspect', '-f', '{{json (index .NetworkSettings.Networks "later").DNSNames}}', 'one'), /"one","uno"/);
    await ok('network', 'disconnect', 'later', 'one');
    assert.equal(await pings('two', address), false);
    assert.match(await ok('exec', 'one', 'ip', 'route'), /default via .* dev eth0/);
  });

  test('a container that was taken off its only network is on none, also over kill -9, and joins others without coming back to it', async () => {
    await ok('network', 'create', 'alone');
    await ok('create', '--name', 'idle', 'gantry/busybox', 'sleep', '1000');
    await sleeper('moved');
    const networksOf = (name: string) => ok('inspect', '-f', '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}', name);
    for (const name of ['moved', 'idle']) {
      await ok('network', 'disconnect', 'bridge', name);
      assert.equal(await networksOf(name), '', name);
      const again = await daemon.docker('network', 'disconnect', 'bridge', name);
      assert.match(again.stderr, /is not connected to network bridge/);
    }
    await daemon.kill9();
    await daemon.start();
    for (const name of ['moved', 'idle']) {
      assert.equal(await networksOf(name), '', name);
      await ok('network', 'connect', 'alone', name);
      await ok('restart', '--time', '0', name);
      assert.equal(await networksOf(name), 'alone', name);
    }
    // Who has none and is started gets that of its network mode again, as in Docker.
    await ok('network', 'disconnect', 'alone', 'moved');
    await ok('restart', '--time', '0', 'moved');
    assert.equal(await networksOf('moved'), 'bridge');
  });

  test('an internal network has no way out, and icc=false keeps its containers apart', async () => {
    await ok('network', 'create', '--internal', 'inner');
    await ok('network', 'create', '-o', 'com.docker.network.bridge.enable_icc=false', 'apart');
    await sleeper('in', '--network', 'inner');
    await sleeper('left', '--network', 'apart');
    await sleeper('right', '--network', 'apart');
    assert.doesNotMatch(await ok('exec', 'in', 'ip', 'route'), /default/);
    assert.equal(await pings('left', await addressOn('apart', 'right')), false);
  });

  test('what is wrong is refused with the words that clients know', async () => {
    await ok('network', 'create', '--subnet', '10.66.0.0/24', 'taken');
    await sleeper('user', '--network', 'taken');
    const refused = async (words: RegExp, ...args: string[]) => {
      const { status, stderr } = await daemon.docker('network', ...args);
      assert.notEqual(status, 0);
      assert.match(stderr, words);
    };
    await refused(/Pool overlaps with other one.*network taken/, 'create', '--subnet', '10.66.0.0/25', 'second');
    await refused(/invalid subnet 10\.67\.0\.1\/24: it should be 10\.67\.0\.0\/24/, 'create', '--subnet', '10.67.0.1/24', 'second');
    await refused(/network with name taken already exists/, 'create', 'taken');
    await refused(/operation is not permitted on predefined host network/, 'create', 'host');
    await refused(/plugin "foo" not found/, 'create', '-d', 'foo', 'second');
    await ok('create', '--name', 'later', IMAGE, 'true');
    await refused(
      /no configured subnet contains IP address 9\.9\.9\.9 \(it has 10\.66\.0\.0\/24\)/,
      'connect',
      '--ip',
      '9.9.9.9',
      'taken',
      'later',
    );
    const early = await daemon.docker('create', '--network', 'taken', '--ip', '9.9.9.9', IMAGE, 'true');
    assert.match(early.stderr, /no configured subnet contains IP address 9\.9\.9\.9/);
    await refused(/the network taken has no IPv6 subnet for fd00::1/, 'connect', '--ip6', 'fd00::1', 'taken', 'later');
    await refused(/one of the networks in private \(none\) mode/, 'connect', 'none', 'user');
    await refused(/has active endpoints \(name:"user"/, 'rm', 'taken');
    await refused(/bridge is a pre-defined network and cannot be removed/, 'rm', 'bridge');
    await refused(/network nowhere not found/, 'rm', 'nowhere');
  });

  test('a deleted bridge, a deleted link and flushed rules are put back within a second', async () => {
    await ok('network', 'create', 'front');
    await sleeper('one', '--network', 'front');
    await sleeper('two', '--network', 'front');
    const address = await addressOn('front', 'two');
    const bridge = `br-${(await ok('network', 'inspect', '-f', '{{.Id}}', 'front')).slice(0, 12)}`;
    const mended = () => eventually('the two to reach each other again', () => pings('one', address));
    await daemon.host.run('ip', ['link', 'del', bridge]);
    await mended();
    const { stdout } = await daemon.host.run('ip', ['-o', 'link', 'show', 'master', bridge]);
    await daemon.host.run('ip', ['link', 'del', /^\d+: ([^@:]+)/.exec(stdout)?.[1] ?? '']);
    await mended();
    await daemon.host.run('nft', ['flush', 'ruleset']);
    await eventually('the rules', async () => (await daemon.host.run('nft', ['list', 'ruleset'])).stdout.includes(bridge));
  });

  test('containers find each other by name, alias and link, and lose sight of those that left', async () => {
    await ok('network', 'create', 'front');
    await ok('network', 'create', 'back');
    await sleeper('db', '--network', 'back', '--network-alias', 'store', '--hostname', 'dbhost');
    await sleeper('web', '--network', 'front', '--link', 'nobody:other');
    const found = async (from: string, name: string) => {
      const { status, stdout } = await daemon.docker('exec', from, 'ping', '-c1', '-W1', name);
      return status === 0 ? /\(([\d.]+)\)/.exec(stdout)?.[1] : undefined;
    };
    assert.match(await ok('exec', 'web', 'cat', '/etc/resolv.conf'), /^nameserver 127\.0\.0\.11$[\s\S]*ndots:0/m);
    assert.equal(await found('web', 'db'), undefined);
    await ok('network', 'connect', '--link', 'db:database', 'back', 'web');
    const address = await addressOn('back', 'db');
    for (const name of ['db', 'store', 'dbhost', 'database', 'db.back']) assert.equal(await found('web', name), address, name);
    assert.match(await ok('exec', 'web', 'cat', '/etc/hosts'), new RegExp(`^${await addressOn('back', 'web')}\\s`, 'm'));
    assert.match(await ok('exec', 'db', 'nslookup', await addressOn('back', 'web')), /name = web\.back/);
    await ok('rename', 'db', 'base');
    assert.equal(await found('web', 'base'), address);
    assert.equal(await found('web', 'db'), undefined);
    await daemon.kill9();
    await daemon.start();
    assert.equal(await found('web', 'store'), address);
    await ok('rm', '-f', 'base');
    assert.equal(await found('web', 'store'), undefined);
    await ok('network', 'disconnect', 'back', 'web');
    assert.doesNotMatch(await ok('exec', 'web', 'cat', '/etc/hosts'), new RegExp(`${address.replace(/\d+$/, '')}`));
  });

  test('names that are asked for while no daemon runs are answered by the next one', async () => {
    await ok('network', 'create', 'front');
    await sleeper('web', '--network', 'front');
    await sleeper('one', '--network', 'front');
    const address = await addressOn('front', 'web');
    const namespace = await ok('inspect', '-f', '{{.NetworkSettings.SandboxKey}}', 'one');
    for (const end of [() => daemon.kill9(), () => daemon.stop()]) {
      await end();
      const asked = Promise.all([lookUp(namespace, 'web'), lookUp(namespace, 'web', { transport: 'tcp' })]);
      await Promise.all([daemon.start(), asked]);
      assert.deepEqual(
        (await asked).flatMap(({ answers }) => answers),
        [address, address],
      );
    }
    assert.deepEqual((await lookUp(namespace, 'web')).answers, [address]);
  });

  test('a container of the default bridge asks the resolver from when it joins a network of its own', async () => {
    await ok('network', 'create', 'front');
    await sleeper('web', '--network', 'front');
    await sleeper('late', '--dns', '192.0.2.53');
    assert.match(await ok('exec', 'late', 'cat', '/etc/resolv.conf'), /^nameserver 192\.0\.2\.53$/m);
    await ok('network', 'connect', 'front', 'late');
    assert.match(await ok('exec', 'late', 'cat', '/etc/resolv.conf'), /^nameserver 127\.0\.0\.11$/m);
    assert.ok(await pings('late', 'web'));
    await ok('exec', 'late', 'sh', '-c', 'echo nameserver 192.0.2.1 > /etc/resolv.conf');
    await ok('network', 'disconnect', 'front', 'late');
    assert.match(await ok('exec', 'late', 'cat', '/etc/resolv.conf'), /^nameserver 192\.0\.2\.1$/, 'what someone wrote stays');
  });

  test('a network that is gone leaves no device behind', async () => {
    await ok('network', 'create', 'brief');
    const bridge = `br-${(await ok('network', 'inspect', '-f', '{{.Id}}', 'brief')).slice(0, 12)}`;
    await ok('run', '--rm', '--network', 'brief', IMAGE, 'true');
    await ok('network', 'rm', 'brief');
    await eventually('the bridge to be gone', async () => !(await daemon.host.run('ip', ['-o', 'link'])).stdout.includes(bridge));
  });
});
