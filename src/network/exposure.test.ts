import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { run, spawn } from '../host/index.ts';
import type { Exposure, PortRequest } from '../model/index.ts';
import type { Attachment } from './index.ts';
import { deriveNames } from './settings.ts';
import {
  ask,
  clock,
  dualStack,
  eventually,
  greeter,
  inOwnNetwork,
  inside,
  linkNames,
  machineOutside,
  type Place,
  place,
  spec,
} from './testing/place.ts';
import { ufw } from './testing/ufw.ts';

/** 8080/tcp and 5353/udp of the host with a policy. */
function ports(exposure: Exposure, hostAddress = ''): PortRequest[] {
  return [
    { containerPort: 80, protocol: 'tcp', hostAddress, hostPorts: { from: 8080, to: 8080 }, exposure },
    { containerPort: 53, protocol: 'udp', hostAddress, hostPorts: { from: 5353, to: 5353 }, exposure },
  ];
}

/** A container with both families and a server on each port. */
async function serve(here: Place, exposure: Exposure, undo: AsyncDisposableStack): Promise<Attachment> {
  await here.network.start([]);
  await here.network.create(dualStack('dual', '10.77.0.0/24', 'fd77::/64'));
  const server = await here.network.attach({
    containerId: 'server',
    spec: spec({ networkMode: { kind: 'network', name: 'dual' }, ports: ports(exposure) }),
  });
  undo.use(await greeter(server.namespace, 'TCP6-LISTEN:80,fork'));
  undo.use(await greeter(server.namespace, 'UDP6-RECVFROM:53,fork'));
  return server;
}

const short = (text: string) => (/\[(.*)\]/.exec(text)?.[1] ?? text).replace('0000:0000:0000:0000:0000:ffff:', '').trim();

/** What a client in `namespace` gets: the address that the server saw, or ''. */
async function tcpFrom(namespace: string, host: string, more = ''): Promise<string> {
  const words = ['socat', '-u', `TCP:${host}:8080,connect-timeout=1${more}`, '-'];
  return short(await inside(namespace, 'sh', '-c', '"$@" 2>/dev/null || true', 'sh', ...words));
}

async function udpFrom(namespace: string, host: string): Promise<string> {
  const words = ['timeout', '2', 'socat', '-t1', '-', `UDP:${host}:5353`];
  return short(await inside(namespace, 'sh', '-c', 'echo x | "$@" 2>/dev/null || true', 'sh', ...words));
}

/** Who is served, of: a neighbour by TCP and UDP in both families, and a machine that is no neighbour. Who should be is asked until he is. */
async function assertServed(outside: { namespace: string }, expected: string, when: string): Promise<void> {
  const clients = [
    () => tcpFrom(outside.namespace, '10.99.0.1'),
    () => udpFrom(outside.namespace, '10.99.0.1'),
    () => tcpFrom(outside.namespace, '[fd99::1]'),
    () => udpFrom(outside.namespace, '[fd99::1]'),
    () => tcpFrom(outside.namespace, '10.99.0.1', ',bind=203.0.113.7'),
  ];
  const answers = await Promise.all(
    expected.split(' ').map(async (wanted, index) => {
      for (let tries = 0; ; tries += 1) {
        const answer = (await clients[index]?.()) || '-';
        if (answer === wanted || wanted === '-' || tries === 10) return answer;
        await clock.sleep(150);
      }
    }),
  );
  assert.equal(answers.join(' '), expected, when);
}

const NEIGHBOUR4 = '0a63:0002';
const NEIGHBOUR6 = 'fd99:0000:0000:0000:0000:0000:0000:0002';
const EVERYONE = `${NEIGHBOUR4} ${NEIGHBOUR4} ${NEIGHBOUR6} ${NEIGHBOUR6} cb00:7107`;
const NEIGHBOURS = `${NEIGHBOUR4} ${NEIGHBOUR4} ${NEIGHBOUR6} ${NEIGHBOUR6} -`;
const NOBODY = '- - - - -';

await inOwnNetwork(import.meta.filename, () => {
  test('public is everyone, whatever ufw says, and the server sees their own addresses', async () => {
    await using here = await place();
    await using undo = new AsyncDisposableStack();
    await serve(here, 'public', undo);
    await using outside = await machineOutside(here);
    await assertServed(outside, EVERYONE, 'at first');
    await using wall = ufw();
    await wall.command('enable');
    await assertServed(outside, EVERYONE, 'everyone is served with ufw enabled');
  });

  test('host is whom ufw lets in to the port, by TCP and UDP, IPv4 and IPv6, with a strict reverse path filter too', async () => {
    await using here = await place();
    await using undo = new AsyncDisposableStack();
    await serve(here, 'host', undo);
    await using outside = await machineOutside(here);
    writeFileSync('/proc/sys/net/ipv4/conf/all/rp_filter', '1');
    undo.defer(() => writeFileSync('/proc/sys/net/ipv4/conf/all/rp_filter', '0'));
    await using wall = ufw();
    await wall.command('enable');
    await assertServed(outside, NOBODY, 'ufw denies what is not allowed');
    assert.match(await ask('127.0.0.1', 8080), /^hello/, 'the host itself is served');
    await wall.command('allow', '8080/tcp');
    await assertServed(outside, `${NEIGHBOUR4} - ${NEIGHBOUR6} - cb00:7107`, 'one port allowed');
    await wall.command('allow', 'proto', 'udp', 'from', '10.99.0.0/24', 'to', 'any', 'port', '5353');
    const allowed = `${NEIGHBOUR4} ${NEIGHBOUR4} ${NEIGHBOUR6} - cb00:7107`;
    await assertServed(outside, allowed, 'and one for one network');
    await wall.command('reload');
    await assertServed(outside, allowed, 'after a reload');
  });

  test('host heeds any chain at input, keeps what it said of connections that exist, and is back after a flush and a lost device', async () => {
    await using here = await place();
    await using undo = new AsyncDisposableStack();
    const server = await serve(here, 'host', undo);
    await using outside = await machineOutside(here);
    const rules = `table inet wall { chain input { type filter hook input priority 0; policy drop; ct state established accept; iif lo accept
      icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n ip saddr 203.0.113.7 tcp dport 8080 accept\n }\n }\n`;
    await run('nft', ['-f', '-'], { input: rules });
    await assertServed(outside, '- - - - cb00:7107', 'at first');
    const neighbour = await here.network.attach({ containerId: 'neighbour', spec: spec() });
    writeFileSync('/proc/sys/net/ipv4/conf/all/rp_filter', '1');
    undo.defer(() => writeFileSync('/proc/sys/net/ipv4/conf/all/rp_filter', '0'));
    assert.equal(await tcpFrom(neighbour.namespace, '172.17.0.1'), '', 'a container is judged as well');
    await run('nft', ['add', 'rule', 'inet', 'wall', 'input', 'iifname', 'gantry*', 'accept']);
    await eventually(async () => /^ac11/.test(await tcpFrom(neighbour.namespace, '172.17.0.1')), 'and let in where the firewall does');
    await run('nft', ['flush', 'ruleset']);
    await run('nft', ['-f', '-'], { input: rules });
    await assertServed(outside, '- - - - cb00:7107', 'the same as before the flush');
    const back = /iifname "(g\S+)" meta mark/.exec((await run('nft', ['list', 'ruleset'])).stdout)?.[1] ?? '';
    await run('ip', ['link', 'del', back]);
    await eventually(
      async () => (await tcpFrom(outside.namespace, '10.99.0.1', ',bind=203.0.113.7')) === 'cb00:7107',
      'the devices are back',
    );
    await here.network.detach(server.containerId);
  });

  test('containers that start at once share one gate, and the next start takes it away when nobody needs it', async () => {
    await using here = await place();
    await here.network.start([]);
    const wish = (port: number): PortRequest => ({ ...ports('host')[0], hostPorts: { from: port, to: port } }) as PortRequest;
    const made = await Promise.all([
      ...[8081, 8082, 8083, 8084].map((port) => here.network.attach({ containerId: `c${port}`, spec: spec({ ports: [wish(port)] }) })),
      here.network.create(dualStack('dual', '10.77.0.0/24', 'fd77::/64')),
    ]);
    assert.equal(made.length, 5);
    const gates = async () => (await linkNames()).filter((name) => /^g(ask|back)-/.test(name)).length;
    assert.equal(await gates(), 2);
    for (const port of [8081, 8082, 8083, 8084]) await here.network.detach(`c${port}`);
    await (await here.again()).start([]);
    assert.equal(await gates(), 0);
    assert.doesNotMatch((await run('ip', ['rule'])).stdout, /fwmark/);
  });

  test('where there can be no gate the daemon relays what the firewall lets in, and the gate is made once it can be', async () => {
    await using here = await place();
    const { back } = deriveNames(here.options.dataRoot, here.options.execRoot).gate;
    await run('ip', ['link', 'add', back, 'type', 'bridge']);
    await using undo = new AsyncDisposableStack();
    undo.defer(async () => void (await run('ip', ['link', 'del', back], { allowFailure: true })));
    await serve(here, 'host', undo);
    await using outside = await machineOutside(here);
    assert.equal(await tcpFrom(outside.namespace, '10.99.0.1'), '0a4d:0001', "the server sees the bridge's address");
    await run('nft', ['-f', '-'], { input: 'table ip wall {\n chain input {\n type filter hook input priority 0; policy drop;\n }\n }\n' });
    assert.equal(await tcpFrom(outside.namespace, '10.99.0.1'), '', 'the firewall is obeyed');
    await run('nft', ['delete', 'table', 'ip', 'wall']);
    await run('ip', ['link', 'del', back]);
    await eventually(async () => (await tcpFrom(outside.namespace, '10.99.0.1')) === NEIGHBOUR4, "the client's own address");
  });

  test('a routed network opens ports by policy too, and refuses what it cannot enforce', async () => {
    await using here = await place();
    await here.network.start([]);
    const mode = { 'com.docker.network.bridge.gateway_mode_ipv4': 'routed' };
    await here.network.create({ ...dualStack('routed', '10.77.0.0/24', 'fd77::/64'), options: mode });
    await using outside = await machineOutside(here);
    await inside(outside.namespace, 'ip', 'route', 'add', '10.77.0.0/24', 'via', '10.99.0.1');
    const attach = (containerId: string, exposure: Exposure) => {
      const wish = spec({ networkMode: { kind: 'network', name: 'routed' }, ports: ports(exposure).slice(0, 1) });
      return here.network.attach({ containerId, spec: wish });
    };
    const near = await attach('near', 'lan');
    await using _server = await greeter(near.namespace, 'TCP6-LISTEN:80,fork');
    const address = near.endpoints[0]?.ipv4Address ?? '';
    const from = (source: string) =>
      inside(outside.namespace, 'sh', '-c', `socat -u TCP:${address}:80,connect-timeout=1,bind=${source} - 2>/dev/null || true`);
    await eventually(async () => short(await from('10.99.0.2')) === NEIGHBOUR4, 'a neighbour is let in');
    assert.equal(await from('203.0.113.7'), '');
    await assert.rejects(attach('strict', 'host'), /policy 'host': on the routed network routed it is no port of this host/);
  });

  test('a first datagram that came in fragments is passed on whole', async () => {
    await using here = await place();
    await here.network.start([]);
    await using outside = await machineOutside(here);
    const server = await here.network.attach({ containerId: 'server', spec: spec({ ports: ports('host') }) });
    const counter = await spawn('nsenter', [`--net=${server.namespace}`, 'socat', '-b9000', 'UDP-RECVFROM:53,fork', 'SYSTEM:wc -c']);
    await using undo = new AsyncDisposableStack();
    undo.defer(() => void counter.kill('SIGKILL'));
    await eventually(async () => {
      const words = 'head -c 4000 /dev/zero | timeout 2 socat -b9000 -t1 - UDP:10.99.0.1:5353 || true';
      return (await inside(outside.namespace, 'sh', '-c', words)).trim() === '4000';
    }, '4000 bytes to be counted');
  });

  test('lan is the networks that the host has an address in, also those that it gets later', async () => {
    await using here = await place();
    await using undo = new AsyncDisposableStack();
    await serve(here, 'lan', undo);
    await using outside = await machineOutside(here);
    await assertServed(outside, NEIGHBOURS, 'neighbours are served, and others not');
    await run('ip', ['addr', 'add', '203.0.113.1/24', 'dev', 'up0']);
    await assertServed(outside, EVERYONE, 'a network more');
    await run('ip', ['addr', 'del', '203.0.113.1/24', 'dev', 'up0']);
    await eventually(
      async () => (await tcpFrom(outside.namespace, '10.99.0.1', ',bind=203.0.113.7')) === '',
      'who was a neighbour is none any more',
    );
    await assertServed(outside, NEIGHBOURS, 'and less');
    await run('nft', ['flush', 'ruleset']);
    await assertServed(outside, NEIGHBOURS, 'after a flush');
  });
});
