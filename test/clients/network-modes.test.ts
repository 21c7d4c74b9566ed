// How far networks let traffic go, by their options, as the host, another machine and other networks see it.
import assert from 'node:assert/strict';
import { after, afterEach, before, suite, test } from 'node:test';
import { eventually, HOST_ADDRESS, NEIGHBOUR_ADDRESS, startDaemon, type TestDaemon } from '../support/index.ts';

const IMAGE = 'gantry/busybox';
const MODE = 'com.docker.network.bridge.gateway_mode_ipv4';
/** Web servers on two ports that say who asked. */
const SERVERS =
  'mkdir -p /w/cgi-bin && printf "#!/bin/sh\\necho; echo \\$REMOTE_ADDR\\n" >/w/cgi-bin/who && chmod +x /w/cgi-bin/who; httpd -h /w -p 80; exec httpd -f -h /w -p 81';

suite('modes of networks with the docker client', () => {
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

  const serve = async (network: string, ...flags: string[]) => {
    await ok('run', '-d', '--name', network, '--network', network, ...flags, IMAGE, 'sh', '-c', SERVERS);
    const address = await ok('inspect', '-f', `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, network);
    await eventually('both servers to listen', async () => /:81 /.test(await ok('exec', network, 'netstat', '-tln')));
    return address;
  };
  /** Whom the server saw asking; '' when there was no answer. */
  const asked = async (where: 'run' | 'outside', host: string, port: number) =>
    (await daemon.host[where]('curl', ['-sg', '--connect-timeout', '0.7', `http://${host}:${port}/cgi-bin/who`])).stdout
      .trim()
      .replace(/^\[::ffff:(.*)\]$/, '$1');
  const routeFromOutside = (subnet: string) => daemon.host.outside('ip', ['route', 'replace', subnet, 'via', HOST_ADDRESS]);

  test('nat, the usual: the world reaches published ports, and no container by its own address', async () => {
    await ok('network', 'create', '--subnet', '10.71.0.0/24', 'usual');
    const address = await serve('usual', '-p', '8080:80');
    await routeFromOutside('10.71.0.0/24');
    assert.equal(await asked('outside', HOST_ADDRESS, 8080), NEIGHBOUR_ADDRESS);
    assert.equal(await asked('outside', address, 80), '');
    assert.equal(await asked('run', address, 81), '10.71.0.1');
  });

  test('routed: published ports are reached by the address of the container, others are not, and nothing is translated', async () => {
    await ok('network', 'create', '--subnet', '10.72.0.0/24', '-o', `${MODE}=routed`, 'routed');
    const address = await serve('routed', '-p', '80');
    await routeFromOutside('10.72.0.0/24');
    assert.equal(await asked('outside', address, 80), NEIGHBOUR_ADDRESS);
    assert.equal(await asked('outside', address, 81), '');
    const listener = daemon.host.outside('timeout', ['5', 'socat', '-T1', 'TCP-LISTEN:7000', 'SYSTEM:echo $SOCAT_PEERADDR']);
    const seen = await eventually('an answer from outside', async () => {
      const { stdout } = await daemon.docker('exec', 'routed', 'nc', '-w', '1', NEIGHBOUR_ADDRESS, '7000');
      return stdout.trim();
    });
    await listener;
    assert.equal(seen, address);
    await daemon.kill9();
    await daemon.start();
    assert.equal(await asked('outside', address, 80), NEIGHBOUR_ADDRESS);
    assert.equal(await asked('outside', address, 81), '');
  });

  test('nat-unprotected: every port is reached by the address of the container', async () => {
    await ok('network', 'create', '--subnet', '10.73.0.0/24', '-o', `${MODE}=nat-unprotected`, 'open');
    const address = await serve('open');
    await routeFromOutside('10.73.0.0/24');
    assert.equal(await asked('outside', address, 81), NEIGHBOUR_ADDRESS);
  });

  test('isolated: not even the host has an address there', async () => {
    await ok('network', 'create', '--internal', '--subnet', '10.74.0.0/24', '-o', `${MODE}=isolated`, 'shut');
    const address = await serve('shut');
    assert.equal(await asked('run', address, 80), '');
    assert.doesNotMatch((await daemon.host.run('ip', ['address'])).stdout, /10\.74\./);
    assert.equal(
      await ok('run', '--rm', '--network', 'shut', IMAGE, 'wget', '-qO-', 'http://shut/cgi-bin/who').then((who) =>
        /10\.74\.0\.\d/.test(who),
      ),
      true,
    );
  });

  test('host_binding_ipv4 is where ports are published that name no address', async () => {
    await ok('network', 'create', '-o', 'com.docker.network.bridge.host_binding_ipv4=127.0.0.1', 'near');
    await serve('near', '-p', '8083:80');
    assert.equal(await ok('port', 'near', '80'), '127.0.0.1:8083');
    assert.notEqual(await asked('run', '127.0.0.1', 8083), '');
    assert.equal(await asked('outside', HOST_ADDRESS, 8083), '');
  });

  test('a source address that belongs to another network gains nothing', async () => {
    await ok('network', 'create', '--subnet', '10.75.0.0/24', 'mine');
    await ok('network', 'create', '--subnet', '10.76.0.0/24', 'theirs');
    const start = (name: string, network: string, address: string) =>
      ok('run', '-d', '--name', name, '--network', network, '--cap-add', 'NET_ADMIN', '--ip', address, IMAGE, 'sleep', '1000');
    await start('target', 'theirs', '10.76.0.9');
    await start('friend', 'theirs', '10.76.0.7');
    await start('liar', 'mine', '10.75.0.9');
    /** How many echo requests the target's kernel has seen, whatever their source. */
    const seen = async () => {
      const [names = '', values = ''] = (await ok('exec', 'target', 'grep', '^Icmp:', '/proc/net/snmp')).split('\n');
      return Number(values.split(' ')[names.split(' ').indexOf('InEchos')]);
    };
    const ping = (from: string) => daemon.docker('exec', from, 'ping', '-c', '3', '-i', '0.1', '-W', '1', '10.76.0.9');
    await ping('friend');
    assert.equal(await seen(), 3);
    await ping('liar');
    for (const source of ['10.76.0.7', '10.76.0.1', '127.0.0.1', HOST_ADDRESS]) {
      // Its packets carry this source and still leave by its gateway.
      await ok('exec', 'liar', 'sh', '-c', `ip address add ${source}/32 dev eth0; ip route replace 10.76.0.9 via 10.75.0.1 src ${source}`);
      await ping('liar');
      assert.match(await ok('exec', 'liar', 'ip', 'route'), new RegExp(`10.76.0.9 via 10.75.0.1 dev eth0 +src ${source}`));
    }
    assert.equal(await seen(), 3);
  });

  test('ways out, device names, settings and sizes are as asked', async () => {
    await ok('network', 'create', '--subnet', '10.77.0.0/24', '-o', 'com.docker.network.driver.mtu=1300', 'small');
    await ok('network', 'create', '--subnet', '10.78.0.0/24', '-o', 'com.docker.network.container_iface_prefix=net', 'other');
    const run = (command: string, ...networks: string[]) =>
      ok('run', '--rm', ...networks.flatMap((network) => ['--network', network]), IMAGE, 'sh', '-c', command);
    assert.match(await run('ip link show eth0', 'small'), /mtu 1300/);
    assert.match(await run('ip route', 'name=small', 'name=other,gw-priority=1'), /default via 10\.78\.0\.1 dev net0/);
    assert.match(await run('ip route', 'name=small,gw-priority=1', 'name=other'), /default via 10\.77\.0\.1 dev eth0/);
    await ok('create', '--name', 'mixed', '--network', 'small', IMAGE, 'ip', '-o', '-4', 'address');
    await ok('network', 'connect', 'bridge', 'mixed');
    assert.match(await ok('start', '-a', 'mixed'), /eth0 +inet 10\.77\.[\s\S]*eth1 +inet 172\.17\./);
    const option = 'driver-opt=com.docker.network.endpoint';
    assert.match(await run('ip link', `name=small,${option}.ifname=uplink`), /: uplink@/);
    const file = '/proc/sys/net/ipv4/conf/eth0/log_martians';
    assert.equal(await run(`cat ${file}`, `name=small,${option}.sysctls=net.ipv4.conf.IFNAME.log_martians=1`), '1');
  });

  test('lists are filtered, prune takes what nobody uses, and inspect shows who is on it', async () => {
    for (const [name, label] of [
      ['one', 'tier=front'],
      ['two', 'tier=back'],
    ] as const)
      await ok('network', 'create', '--label', label, name);
    await ok('run', '-d', '--name', 'user', '--network', 'one', IMAGE, 'sleep', '1000');
    const listed = async (...filters: string[]) =>
      (await ok('network', 'ls', '--format', '{{.Name}}', ...filters.flatMap((filter) => ['--filter', filter])))
        .split('\n')
        .filter(Boolean);
    assert.deepEqual(await listed('dangling=true'), ['two']);
    assert.deepEqual(await listed('type=custom', 'label=tier=front'), ['one']);
    assert.deepEqual(await listed('driver=null'), ['none']);
    assert.deepEqual(await listed('name=^tw'), ['two']);
    assert.deepEqual(await listed('scope=swarm'), []);
    const id = await ok('network', 'inspect', '-f', '{{.Id}}', 'one');
    assert.deepEqual(await listed(`id=${id.slice(0, 8)}`), ['one']);
    assert.match((await daemon.docker('network', 'ls', '--filter', 'type=odd')).stderr, /invalid filter 'type=odd'/);
    assert.equal(await ok('network', 'inspect', '--verbose', '-f', '{{range .Containers}}{{.Name}}{{end}}', 'one'), 'user');
    assert.doesNotMatch(await ok('network', 'prune', '-f', '--filter', 'until=1h'), /two/);
    assert.doesNotMatch(await ok('network', 'prune', '-f', '--filter', 'label=tier=front'), /one|two/);
    assert.match(await ok('network', 'prune', '-f', '--filter', 'label!=tier=front'), /two/);
    assert.deepEqual(await listed('type=custom'), ['one']);
  });

  test('what a swarm would need is refused by name', async () => {
    for (const [flags, words] of [
      [['--ingress'], /swarm is not active/],
      [['--scope', 'swarm'], /swarm is not active/],
      [['--config-only'], /ConfigOnly/],
      [['-d', 'overlay'], /not a swarm manager/],
      [['-o', `${MODE}=isolated`], /'isolated' can only be used for an internal network/],
      [['-o', `${MODE}=odd`], /unknown gateway mode odd/],
      [['-o', 'com.docker.network.driver.mtu=12'], /12 bytes are out of range/],
      [['-o', 'com.docker.network.bridge.inhibit_ipv4=true'], /inhibit_ipv4 is not supported/],
    ] as const) {
      const { status, stderr } = await daemon.docker('network', 'create', ...flags, 'refused');
      assert.notEqual(status, 0, flags.join(' '));
      assert.match(stderr, words);
    }
  });
});
