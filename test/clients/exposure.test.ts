// Who reaches published ports: policies, long ranges, IPv6 and what gantry ports tells of them.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, suite, test } from 'node:test';
import { eventually, HOST_ADDRESS, PROJECT, startDaemon, type TestDaemon } from '../support/index.ts';

const IMAGE = 'gantry/busybox';
const server = (word: string, port = 80) => [
  'sh',
  '-c',
  `mkdir -p /www && echo ${word} >/www/index.html && exec httpd -f -h /www -p ${port}`,
];

interface Told {
  name: string;
  hostAddress: string;
  hostPort: number;
  count: number;
  who: string;
  why: string[];
}

suite('who reaches published ports', () => {
  let daemon: TestDaemon;
  const ok = (...args: string[]) => daemon.ok(...args);
  before(async () => {
    daemon = await startDaemon({ images: ['busybox'], flags: ['--metrics-addr', '127.0.0.1:9323'] });
  });
  afterEach(async () => {
    const { stdout } = await daemon.docker('ps', '-aq');
    if (stdout !== '') await daemon.docker('rm', '-f', '-v', ...stdout.trim().split('\n'));
    await daemon.host.run('nft', ['delete', 'table', 'inet', 'wall']);
  });
  after(() => daemon[Symbol.asyncDispose]());

  const outside = async (port: number, host = HOST_ADDRESS) =>
    (await daemon.host.outside('curl', ['-sfg', '--max-time', '1', `http://${host}:${port}/`])).stdout.trim();
  const answers = (port: number) => eventually(`port ${port} to answer`, async () => (await outside(port)) || undefined);
  const gantry = async (...args: string[]) => {
    const env = { DOCKER_HOST: `unix://${daemon.socket}` };
    const { status, stdout, stderr } = await daemon.host.run(path.join(PROJECT, 'bin/gantry'), args, { env });
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const told = async () => JSON.parse(await gantry('ports', '--format', 'json')) as Told[];
  const wall = async (rule: string) => {
    const input = `table inet wall {\n chain input {\n type filter hook input priority 0; policy drop;\n ct state established accept\n iif lo accept\n ${rule}\n }\n }\n`;
    assert.equal((await daemon.host.run('nft', ['-f', '-'], { input })).status, 0);
  };

  test('ten thousand ports are one entry without sockets, reach the container, and outlive the daemon', async () => {
    const descriptors = () => readdirSync(`/proc/${daemon.pid}/fd`).length;
    const memory = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))?.[1]);
    const before = descriptors();
    const kilobytes = memory();
    await ok('run', '-d', '--name', 'range', '-p', '10000-19999:10000-19999', IMAGE, ...server('range', 15_432));
    assert.ok(descriptors() < before + 20, `${descriptors() - before} descriptors more`);
    assert.ok(memory() < kilobytes + 60_000, `${memory() - kilobytes} kB more`);
    const rules = (await daemon.host.run('nft', ['list', 'ruleset'])).stdout;
    assert.equal(rules.match(/10000-19999/g)?.length, 1);
    assert.equal(await answers(15_432), 'range');
    assert.match(await ok('port', 'range', '19999'), /0\.0\.0\.0:19999/);
    assert.match(await ok('ps', '--format', '{{.Ports}}'), /0\.0\.0\.0:10000-19999->10000-19999\/tcp/);
    const refused = await daemon.docker('run', '--rm', '-p', '12000:80', IMAGE, 'true');
    assert.match(refused.stderr, /0\.0\.0\.0:12000 failed: port is already allocated \(by container [0-9a-f]{12}\)/);
    await daemon.kill9();
    assert.equal(await outside(15_432), 'range', 'while there is no daemon');
    await daemon.start();
    assert.equal(await answers(15_432), 'range');
    assert.equal((await daemon.docker('run', '--rm', '-p', '12000:80', IMAGE, 'true')).status, 125, 'still taken');
    await ok('rm', '-f', 'range');
    await ok('run', '--rm', '-p', '12000:80', IMAGE, 'true');
    assert.doesNotMatch((await daemon.host.run('nft', ['list', 'ruleset'])).stdout, /10000-19999/);
  });

  test('a port that a program has is refused by the name of the program, alone and in a range', async () => {
    const listening = daemon.host.run('socat', ['TCP-LISTEN:7300,fork', 'PIPE'], { timeout: 20_000 });
    await eventually('the program to listen', async () => (await daemon.host.run('ss', ['-Hlnt'])).stdout.includes(':7300 '));
    for (const ports of ['7300:80', '7200-7400:7200-7400']) {
      const { status, stderr } = await daemon.docker('run', '--rm', '-p', ports, IMAGE, 'true');
      assert.equal(status, 125);
      assert.match(stderr, /0\.0\.0\.0:7300: bind: address already in use \(by socat, process \d+\)/);
    }
    await daemon.host.run('sh', ['-c', "kill $(ss -Hlntp 'sport = :7300' | sed 's/.*pid=\\([0-9]*\\).*/\\1/')"]);
    await listening;
    await ok('run', '--rm', '-p', '7200-7400:7200-7400', IMAGE, 'true');
  });

  test('labels choose who comes in, gantry ports tells it, and a wrong label is refused', async () => {
    await ok('run', '-d', '--name', 'open', '-p', '8001:80', IMAGE, ...server('open'));
    await ok('run', '-d', '--name', 'walled', '--label', 'gantry.expose=host', '-p', '8002:80', IMAGE, ...server('walled'));
    await ok('run', '-d', '--name', 'near', '--label', 'gantry.expose.80/tcp=lan', '-p', '8003:80', IMAGE, ...server('near'));
    await ok('run', '-d', '--name', 'mine', '--label', 'gantry.expose=host', '-p', '127.0.0.1:8004:80', IMAGE, ...server('mine'));
    for (const port of [8001, 8002, 8003]) await answers(port);
    await wall('');
    assert.deepEqual([await outside(8001), await outside(8002), await outside(8003)], ['open', '', 'near']);
    const who = async () => Object.fromEntries((await told()).filter((one) => one.hostAddress !== '::').map((one) => [one.name, one]));
    const before = await who();
    assert.equal(before['open']?.who, 'everyone');
    assert.match(String(before['open']?.why), /the firewall is not asked: inet wall input \(policy drop\) would let in nobody/);
    assert.equal(before['walled']?.who, 'this host');
    assert.match(String(before['walled']?.why), /policy host,inet wall input \(policy drop\) lets nobody in/);
    assert.equal(before['near']?.who, 'LAN');
    assert.match(String(before['near']?.why), /10\.211\.0\.0\/24 \(eth0\)/);
    assert.equal(before['mine']?.who, 'this host');
    await daemon.host.run('nft', ['add', 'rule', 'inet', 'wall', 'input', 'tcp', 'dport', '8002', 'accept']);
    assert.equal(await outside(8002), 'walled');
    assert.equal((await who())['walled']?.who, 'everyone');
    const table = await gantry('ports', 'walled');
    assert.match(
      table,
      /CONTAINER +ADDRESS +PORT +WHO +WHY\nwalled +all IPv4 +8002 -> 80\/tcp +everyone +policy host; inet wall input lets it in/,
    );
    const wrong = await daemon.docker('run', '--rm', '--label', 'gantry.expose=nobody', IMAGE, 'true');
    assert.match(wrong.stderr, /invalid label gantry\.expose=nobody: it is one of host, lan, public/);
  });

  test('ports that are not published, and sockets of the host network, are told too', async () => {
    await ok('run', '-d', '--name', 'inner', '--expose', '81', IMAGE, 'sleep', '600');
    await ok('run', '-d', '--name', 'shared', '--network', 'host', IMAGE, ...server('shared', 8010));
    await answers(8010);
    await wall('tcp dport 8010 ip saddr 192.0.2.0/24 accept');
    const rows = await told();
    assert.equal(rows.find(({ name }) => name === 'inner')?.who, 'containers');
    const shared = rows.find(({ name, hostAddress }) => name === 'shared' && hostAddress === '0.0.0.0');
    assert.deepEqual([shared?.who, shared?.hostPort], ['some', 8010]);
    assert.match(String(shared?.why), /which accepts some: source 192\.0\.2\.0\/24/);
  });

  test('metrics count containers by state, published ports by policy, and what was put back', async () => {
    const metrics = async () => (await daemon.host.run('curl', ['-sf', 'http://127.0.0.1:9323/metrics'])).stdout;
    const drift = async () => Number(/^gantry_network_drift_total\{kind="rules"\} (\d+)$/m.exec(await metrics())?.[1]);
    await ok('run', '-d', '-p', '8030:80', '-p', '9000-9099:9000-9099/udp', '--label', 'gantry.expose.80=lan', IMAGE, 'sleep', '600');
    await ok('create', IMAGE, 'true');
    const text = await metrics();
    assert.match(text, /^gantry_containers\{state="running"\} 1\ngantry_containers\{state="paused"\} 0$/m);
    assert.match(text, /^gantry_containers\{state="created"\} 1$/m);
    assert.match(
      text,
      /^gantry_published_ports\{protocol="tcp",policy="lan"\} 1\ngantry_published_ports\{protocol="udp",policy="public"\} 100$/m,
    );
    assert.match(text, /^engine_daemon_container_states_containers\{state="running"\} 1$/m);
    const before = await drift();
    await daemon.host.run('nft', ['flush', 'ruleset']);
    await eventually('the drift to be counted', async () => (await drift()) === before + 1);
    const { stdout } = await daemon.host.run('curl', [
      '-s',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      'http://127.0.0.1:9323/containers/json',
    ]);
    assert.equal(stdout, '404');
  });

  test('connections through published ports outlive the daemon, and ports come back with it', async () => {
    const echo = ['sh', '-c', 'while :; do nc -l -p 80 -e cat; done'];
    await ok('run', '-d', '-p', '8041:80', IMAGE, ...echo);
    await ok('run', '-d', '-p', '8042:80', '--label', 'gantry.expose=host', IMAGE, ...echo);
    const rules = async () => (await daemon.host.run('nft', ['--stateless', 'list', 'ruleset'])).stdout;
    const before = await rules();
    // The second line is said when the daemon is back.
    const talk = (port: number) =>
      daemon.host.outside('sh', [
        '-c',
        `(echo one; i=0; while [ ! -e ${daemon.root}/back ] && [ $i -lt 200 ]; do sleep 0.1; i=$((i+1)); done; echo two) |
        timeout 30 socat -t2 - TCP:${HOST_ADDRESS}:${port},retry=20,interval=0.2`,
      ]);
    const talks = [8041, 8042].map(talk);
    await eventually(
      'both to be connected',
      async () => (await daemon.host.outside('ss', ['-Hnt', 'state', 'established'])).stdout.trim().split('\n').length === 2,
    );
    await daemon.kill9();
    await daemon.start();
    await eventually('the rules of before', async () => (await rules()) === before);
    writeFileSync(`${daemon.root}/back`, '');
    assert.deepEqual(
      (await Promise.all(talks)).map(({ stdout }) => stdout),
      ['one\ntwo\n', 'one\ntwo\n'],
    );
    assert.equal((await talk(8042)).stdout, 'one\ntwo\n', 'a new one');
  });

  test('what makes no sense is refused before anything is made', async () => {
    for (const [ports, sentence] of [
      ['65536:80', /65536/],
      ['80:0', /invalid port|0/],
      ['8010-8000:80', /8010-8000/],
      ['8000-8005:80-81', /8000-8005/],
      ['1.2.3:80:80', /1\.2\.3/],
    ] as const) {
      const { status, stderr } = await daemon.docker('run', '-p', ports, IMAGE, 'true');
      assert.equal(status, 125, `${ports}: ${stderr}`);
      assert.match(stderr, sentence);
    }
    const twice = await daemon.docker('run', '--rm', '-p', '8020:80', '-p', '8020:81', IMAGE, 'true');
    assert.match(twice.stderr, /8020 failed: port is already allocated \(by this container itself, which publishes it twice\)/);
    const nowhere = await daemon.docker('run', '--rm', '-p', '192.0.2.1:8020:80', IMAGE, 'true');
    assert.match(nowhere.stderr, /192\.0\.2\.1:8020: bind: cannot assign requested address/);
    assert.equal(await ok('ps', '-q'), '');
  });
});
