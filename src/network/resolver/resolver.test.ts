import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync, writeSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { silentLog } from '../../base/index.ts';
import { bindInet, connectInet, copyDescriptor, netlink, openInet, setReceiveBuffer, spawn } from '../../host/index.ts';
import type { EndpointRequest } from '../../model/index.ts';
import { HOST_NAMES } from '../names/index.ts';
import type { Network } from '../network.ts';
import { exchange, lookUp, questionFor, readAnswer } from '../testing/look-up.ts';
import { addressOf, clock, eventually, inOwnNetwork, inside, networkRequest, place, spec } from '../testing/place.ts';
import { openDoor } from './door.ts';
import { readQuery, TYPE, writeAnswer } from './packet.ts';

const wish = (more: Partial<EndpointRequest> = {}): EndpointRequest => ({ aliases: [], links: [], driverOptions: {}, ...more });

/** Starts a container on networks that were made; `wishes` are by their names. */
async function join(network: Network, name: string, wishes: Record<string, EndpointRequest>, dnsServers: string[] = []) {
  const mode = { kind: 'network' as const, name: Object.keys(wishes)[0] ?? '' };
  return await network.attach({ containerId: idOf(name), name, spec: spec({ networkMode: mode, endpoints: wishes, dnsServers }) });
}

const idOf = (name: string) => Buffer.from(name).toString('hex').padEnd(64, '0');

/** A server of the world on this host that gives one address for each name, by UDP and TCP, and counts the questions. */
async function world(address: string, answer: readonly number[]) {
  const seen: string[] = [];
  const answerTo = (packet: Buffer) => {
    const query = readQuery(packet);
    if (!query || 'refusal' in query) throw new Error('no query');
    seen.push(query.name);
    const code = query.name.startsWith('nowhere') ? 3 : 0;
    return writeAnswer(query, { code, answers: code === 0 ? [{ type: TYPE.A, data: Uint8Array.from(answer) }] : [] }, 512);
  };
  const datagrams = dgram.createSocket('udp4');
  datagrams.on('message', (packet, from) => datagrams.send(answerTo(packet), from.port, from.address));
  datagrams.bind(53, address);
  const connections = net.createServer((socket) => {
    socket.on('data', (data: Buffer) => {
      const reply = answerTo(data.subarray(2));
      socket.end(Buffer.concat([Buffer.from([reply.length >> 8, reply.length & 255]), reply]));
    });
  });
  connections.listen(53, address);
  await Promise.all([once(datagrams, 'listening'), once(connections, 'listening')]);
  return {
    seen,
    [Symbol.dispose]() {
      datagrams.close();
      connections.close();
    },
  };
}

await inOwnNetwork(import.meta.filename, () => {
  test('names, aliases, short ids and host names lead to addresses of both families, and those to names', async () => {
    await using here = await place();
    const { network } = here;
    await network.start([]);
    await network.create(networkRequest('shop', { enableIPv6: true }));
    const web = await join(network, 'web', { shop: wish({ aliases: ['www', 'Shop.Example.Org'] }) });
    const asker = await join(network, 'asker', { shop: wish() });
    const [endpoint] = web.endpoints;
    const four = endpoint?.ipv4Address ?? '';
    const six = endpoint?.ipv6Address ?? '';
    for (const name of ['web', 'WEB', 'www', 'shop.example.org', idOf('web').slice(0, 12), 'web.shop', 'www.shop']) {
      assert.deepEqual(await lookUp(asker.namespace, name), { code: 0, truncated: false, answers: [four] }, name);
      assert.deepEqual((await lookUp(asker.namespace, name, { type: 'AAAA', transport: 'tcp' })).answers, [six], name);
    }
    const reverse = (address: string) => lookUp(asker.namespace, `${address.split('.').reverse().join('.')}.in-addr.arpa`, { type: 'PTR' });
    assert.deepEqual((await reverse(four)).answers, ['web.shop']);
    const digits = six
      .replace('::', ':'.repeat(10 - six.split(':').length))
      .split(':')
      .map((group) => group.padStart(4, '0'))
      .join('');
    const nibbles = `${[...digits].reverse().join('.')}.ip6.arpa`;
    assert.deepEqual((await lookUp(asker.namespace, nibbles, { type: 'PTR' })).answers, ['web.shop']);
    network.rename({ containerId: idOf('web'), name: 'front', spec: spec({ endpoints: { shop: wish({ aliases: ['www'] }) } }) });
    assert.deepEqual((await lookUp(asker.namespace, 'front')).answers, [four]);
    assert.deepEqual((await reverse(four)).answers, ['front.shop']);
    assert.deepEqual((await lookUp(web.namespace, 'asker')).answers, [asker.endpoints[0]?.ipv4Address]);
  });

  test('a name counts on its own network only, and links are for who made them', async () => {
    await using here = await place();
    const { network } = here;
    await network.start([]);
    for (const name of ['front', 'back']) await network.create(networkRequest(name, { internal: true }));
    const db = await join(network, 'db', { back: wish() });
    const both = await join(network, 'both', { front: wish(), back: wish({ links: ['db:database'] }) });
    const web = await join(network, 'web', { front: wish() });
    assert.deepEqual((await lookUp(both.namespace, 'db')).answers, [addressOf(db)]);
    assert.deepEqual((await lookUp(both.namespace, 'database')).answers, [addressOf(db)]);
    assert.deepEqual((await lookUp(both.namespace, 'web')).answers, [addressOf(web)]);
    for (const name of ['db', 'database', 'db.back']) assert.equal((await lookUp(web.namespace, name)).code, 2, name);
    assert.equal((await lookUp(db.namespace, 'database')).code, 2);
    // Only the other family of records is there: the name is known all the same.
    assert.deepEqual(await lookUp(both.namespace, 'db', { type: 'AAAA' }), { code: 0, truncated: false, answers: [] });

    const attachment = await network.connect({ containerId: idOf('web'), name: 'web', spec: spec() }, 'back', wish({ aliases: ['late'] }));
    const late = attachment.endpoints.find(({ networkName }) => networkName === 'back')?.ipv4Address;
    assert.deepEqual((await lookUp(db.namespace, 'late')).answers, [late]);
    assert.deepEqual((await lookUp(web.namespace, 'db')).answers, [addressOf(db)]);
    await network.disconnect(idOf('web'), 'back');
    assert.equal((await lookUp(db.namespace, 'late')).code, 2);
    await network.detach(idOf('db'));
    assert.equal((await lookUp(both.namespace, 'db')).code, 2, 'the address is gone');
  });

  test('several answers come in an order of chance; what does not fit is told, and comes whole by TCP', async () => {
    await using here = await place();
    const { network } = here;
    await network.start([]);
    await network.create(networkRequest('shop', { internal: true }));
    const members = await Promise.all(
      Array.from({ length: 60 }, (_, index) => join(network, `web${index}`, { shop: wish({ aliases: ['web'] }) })),
    );
    const [asker] = members;
    const all = members.map(addressOf).sort();
    const ask = (more = {}) => lookUp(asker?.namespace ?? '', 'web', more);
    const cut = await ask();
    assert.equal(cut.truncated, true);
    assert.equal(cut.answers.length, 30, 'as many as 512 bytes hold');
    for (const whole of [await ask({ transport: 'tcp' }), await ask({ room: 4096 })]) {
      assert.equal(whole.truncated, false);
      assert.deepEqual(whole.answers.sort(), all);
    }
    const firsts = new Set<string | undefined>();
    for (let count = 0; count < 30; count += 1) firsts.add((await ask()).answers[0]);
    assert.ok(firsts.size > 5, `${firsts.size} different first answers of 30`);
  });

  test('names of the world are asked of the servers of the host, also when its file changes, and not from internal networks', async () => {
    await using here = await place();
    const resolver = path.join(here.options.dataRoot, '..', 'resolv.conf');
    writeFileSync(resolver, 'nameserver 127.0.0.61\nnameserver 127.0.0.62\n');
    const network = await here.again({ nameSources: { ...HOST_NAMES, resolver } });
    await network.start([]);
    await network.create(networkRequest('shop'));
    await network.create(networkRequest('inner', { internal: true }));
    using second = await world('127.0.0.62', [192, 0, 2, 2]);
    const web = await join(network, 'web', { shop: wish() });
    const shut = await join(network, 'shut', { inner: wish() });
    const ask = (name: string, transport: 'udp' | 'tcp' = 'udp') => lookUp(web.namespace, name, { transport });
    assert.deepEqual(await ask('example.org'), { code: 0, truncated: false, answers: ['192.0.2.2'] }, 'the first one is not there');
    assert.deepEqual((await ask('example.org', 'tcp')).answers, ['192.0.2.2']);
    assert.equal((await ask('nowhere.example.org')).code, 3);
    const asked = second.seen.length;
    assert.equal((await lookUp(shut.namespace, 'example.org')).code, 2);
    assert.equal((await ask('web', 'tcp')).code, 0);
    assert.equal(second.seen.length, asked, 'neither this nor names of containers reach the world');
    using _third = await world('127.0.0.63', [192, 0, 2, 3]);
    writeFileSync(resolver, 'nameserver 127.0.0.63\n');
    await clock.sleep(1100);
    assert.deepEqual((await ask('example.org')).answers, ['192.0.2.3']);
  });

  test('servers that a container names are asked from its own place', async () => {
    await using here = await place();
    const { network } = here;
    await network.start([]);
    await network.create(networkRequest('inner', { internal: true }));
    const server = await join(network, 'server', { inner: wish() });
    const asker = await join(network, 'asker', { inner: wish() }, [addressOf(server)]);
    const lost = await join(network, 'lost', { inner: wish() }, ['192.0.2.99']);
    // Port 53 of the container is its own, on all its addresses.
    const program = `
      import dgram from 'node:dgram';
      const socket = dgram.createSocket('udp4');
      socket.on('message', (packet, from) => {
        const end = packet.indexOf(0, 12) + 5;
        const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 192, 0, 2, 7]);
        const reply = Buffer.concat([packet.subarray(0, end), record]);
        reply[2] |= 0x80; reply[7] = 1; reply[11] = 0;
        socket.send(reply, from.port, from.address);
      });
      socket.bind(53, '0.0.0.0', () => console.log('ready'));`;
    const child = await spawn('nsenter', [`--net=${server.namespace}`, process.execPath, '--input-type=module', '--eval', program]);
    await using undo = new AsyncDisposableStack();
    undo.defer(async () => {
      child.kill('SIGKILL');
      await child.exit;
    });
    for (let tries = 0; tries < 100 && !(await inside(server.namespace, 'ss', '-Hlnu')).includes('0.0.0.0:53 '); tries += 1)
      await clock.sleep(50);
    assert.deepEqual((await lookUp(asker.namespace, 'example.org')).answers, ['192.0.2.7']);
    assert.deepEqual((await lookUp(server.namespace, 'asker')).answers, [addressOf(asker)], 'the resolver beside a name server');
    assert.equal((await lookUp(lost.namespace, 'example.org')).code, 2);
  });

  test('another daemon answers the containers that live on, and nothing listens for those that ended', async () => {
    await using here = await place();
    await here.network.start([]);
    await here.network.create(networkRequest('shop'));
    const web = await join(here.network, 'web', { shop: wish() });
    const asker = await join(here.network, 'asker', { shop: wish() });
    await here.network[Symbol.asyncDispose]();
    assert.equal((await inside(asker.namespace, 'ss', '-Hlntu')).trim(), '', 'nobody answers while no daemon runs');
    // A program of the container takes the port meanwhile.
    const thief = await spawn('nsenter', [`--net=${asker.namespace}`, 'socat', 'UDP-LISTEN:61053,bind=127.0.0.11', '-']);
    await using undo = new AsyncDisposableStack();
    undo.defer(async () => {
      thief.kill('SIGKILL');
      await thief.exit;
    });
    for (let tries = 0; tries < 100 && !(await inside(asker.namespace, 'ss', '-Hlnu')).includes(':61053 '); tries += 1)
      await clock.sleep(20);
    const next = await here.again();
    await next.start([web, asker]);
    assert.deepEqual((await lookUp(asker.namespace, 'web')).answers, [addressOf(web)]);
    await next.detach(idOf('web'));
    assert.equal((await inside(web.namespace, 'ss', '-Hlntu')).trim(), '', 'nothing listens for one that ended');
  });

  test('a kernel that cannot redirect has the resolver at port 53 itself, also over a restart', async () => {
    await using here = await place();
    await here.network.start([]);
    const { namespace } = await here.network.attach({ containerId: idOf('alone'), spec: spec({ networkMode: { kind: 'none' } }) });
    const cannot = () => Promise.reject(new Error('EOPNOTSUPP'));
    const door = await openDoor(namespace, [], silentLog, cannot);
    const listening = () => inside(namespace, 'ss', '-Hlntu');
    assert.match(await listening(), /udp .* 127\.0\.0\.11:53 [\s\S]*tcp .* 127\.0\.0\.11:53 /);
    // What the monitor would have kept.
    const copies = door.sockets.map((socket) => copyDescriptor(process.pid, socket) ?? -1);
    door[Symbol.dispose]();
    using again = await openDoor(namespace, copies, silentLog, cannot);
    assert.deepEqual(again.sockets, copies);
    again.datagrams.on('message', (packet, { port, address }) => again.datagrams.send(packet, port, address));
    assert.equal((await exchange(namespace, questionFor('web'))).length, questionFor('web').length);
  });

  test('thousands of look-ups a second are answered, each within a millisecond', async () => {
    await using here = await place();
    const { network } = here;
    await network.start([]);
    await network.create(networkRequest('shop', { internal: true }));
    const web = await join(network, 'web', { shop: wish() });
    const asker = await join(network, 'asker', { shop: wish() });
    const times: number[] = [];
    for (let count = 0; count < 200; count += 1) {
      const begun = performance.now();
      const packet = await exchange(asker.namespace, questionFor('web', {}, count));
      times.push(performance.now() - begun);
      assert.deepEqual(readAnswer(packet).answers, [addressOf(web)]);
    }
    const median = times.toSorted((a, b) => a - b)[100] ?? Number.POSITIVE_INFINITY;
    assert.ok(median < 1, `median of ${median} ms`);
    process.stdout.write(`# look-up: median ${median.toFixed(2)} ms, socket and client included\n`);
  });

  test('a thousand questions at once are all answered', async (t) => {
    await using here = await place();
    const { network } = here;
    await network.start([]);
    await network.create(networkRequest('shop', { internal: true }));
    const web = await join(network, 'web', { shop: wish() });
    const fd = netlink.insideNamespace(web.namespace, () => openInet('udp', 4));
    setReceiveBuffer(fd, 1 << 20);
    bindInet(fd, Uint8Array.of(0, 0, 0, 0), 0);
    // All are there before the daemon, which is this process, reads the first.
    connectInet(fd, Uint8Array.of(127, 0, 0, 11), 53);
    for (let count = 0; count < 1000; count += 1) writeSync(fd, questionFor('web', {}, count));
    const socket = dgram.createSocket('udp4');
    t.after(() => socket.close());
    const answered = new Set<number>();
    socket.on('message', (packet) => answered.add(packet.readUInt16BE(0)));
    socket.bind({ fd });
    await eventually(async () => answered.size === 1000, 'an answer to each');
  });

  test('malformed packets harm nobody', async () => {
    await using here = await place();
    const { network } = here;
    await network.start([]);
    await network.create(networkRequest('shop', { internal: true }));
    const web = await join(network, 'web', { shop: wish() });
    const good = questionFor('web', { room: 1232 });
    const socket = dgram.createSocket('udp4');
    socket.on('error', () => {});
    const broken: Buffer[] = [];
    for (let length = 0; length < good.length; length += 1) broken.push(good.subarray(0, length));
    let seed = 7;
    const next = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
    for (let count = 0; count < 2000; count += 1) {
      const packet = Buffer.from(good);
      for (let changes = 1 + next(4); changes > 0; changes -= 1) packet[next(packet.length)] = next(256);
      broken.push(packet);
    }
    const fd = netlink.insideNamespace(web.namespace, () => openInet('udp', 4));
    bindInet(fd, Uint8Array.of(0, 0, 0, 0), 0);
    socket.bind({ fd });
    for (const packet of broken) socket.send(packet, 53, '127.0.0.11');
    await clock.sleep(200);
    socket.close();
    assert.deepEqual((await lookUp(web.namespace, 'web')).answers, [addressOf(web)]);
    assert.deepEqual((await lookUp(web.namespace, 'web', { transport: 'tcp' })).answers, [addressOf(web)]);
  });
});
