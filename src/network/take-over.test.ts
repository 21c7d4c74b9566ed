import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { isKind } from '../base/index.ts';
import { run, spawn } from '../host/index.ts';
import { lookUp } from './testing/look-up.ts';
import { addressOf, ask, clock, inOwnNetwork, inside, networkRequest, place, spec, tcp } from './testing/place.ts';

/** A server that tells its name for each line that it is sent, as long as the connection lasts. */
async function echo(namespace: string, port: number, name: string): Promise<AsyncDisposable> {
  const server = await spawn('nsenter', [
    `--net=${namespace}`,
    'socat',
    `TCP-LISTEN:${port},fork`,
    `SYSTEM:while read line; do echo ${name}; done`,
  ]);
  for (let tries = 0; tries < 100 && !(await inside(namespace, 'ss', '-Hlnt')).includes(`:${port} `); tries += 1) await clock.sleep(20);
  return {
    async [Symbol.asyncDispose]() {
      server.kill('SIGKILL');
      await server.exit;
    },
  };
}

/** A connection that stays open; `say` resolves to who answered. */
async function connect(host: string, port: number) {
  const socket = net.connect({ host, port });
  await once(socket, 'connect');
  return {
    async say(): Promise<string> {
      socket.write('who\n');
      const [data] = await once(socket, 'data');
      return String(data).trim();
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

await inOwnNetwork(import.meta.filename, () => {
  test('takeOver() leads new connections to the new container, and leaves those that exist with the old one', async () => {
    await using here = await place();
    await here.network.start([]);
    const old = await here.network.attach({ containerId: 'old', spec: spec({ ports: [tcp(80, 8080)] }) });
    const request = { containerId: 'new', name: 'web', spec: spec({ ports: [tcp(81, 8080)] }) };
    const fresh = await here.network.attach({ ...request, standby: true });
    assert.deepEqual(fresh.publishedPorts, [], 'a container that stands by publishes nothing');
    await using _old = await echo(old.namespace, 80, 'old');
    await using _new = await echo(fresh.namespace, 81, 'new');
    using four = await connect('127.0.0.1', 8080);
    using six = await connect('::1', 8080);
    assert.deepEqual([await four.say(), await six.say()], ['old', 'old']);

    const after = await here.network.takeOver(request, 'old');

    assert.deepEqual(
      after.publishedPorts.map(({ hostAddress, hostPort, containerPort }) => `${hostAddress} ${hostPort} ${containerPort}`),
      ['0.0.0.0 8080 81', ':: 8080 81'],
    );
    assert.deepEqual(here.network.attachments().get('old')?.publishedPorts, []);
    assert.deepEqual([await four.say(), await six.say()], ['old', 'old'], 'connections live on');
    using four2 = await connect('127.0.0.1', 8080);
    using six2 = await connect('::1', 8080);
    assert.deepEqual([await four2.say(), await six2.say()], ['new', 'new']);
    assert.deepEqual(await here.network.takeOver(request, 'old'), after, 'a second time changes nothing');
    await here.network.detach('old');
    assert.equal(await four2.say(), 'new', 'the end of the old one takes nothing from the new one');
    await here.network.detach('new');
    assert.equal(await ask('127.0.0.1', 8080), 'ECONNREFUSED');
    assert.doesNotMatch((await run('nft', ['list', 'ruleset'])).stdout, /8080/);
  });

  test('takeOver() gives the ports that nobody asks for free, keeps a chosen one, and changes nothing when a new one is in use', async () => {
    await using here = await place();
    await here.network.start([]);
    const old = await here.network.attach({ containerId: 'old', spec: spec({ ports: [tcp(80), tcp(90, 9090)] }) });
    const chosen = old.publishedPorts[0]?.hostPort ?? 0;
    await here.network.attach({ containerId: 'other', spec: spec({ ports: [tcp(80, 7070)] }) });
    const wrong = { containerId: 'wrong', spec: spec({ ports: [tcp(80), tcp(70, 7070)] }) };
    await here.network.attach({ ...wrong, standby: true });
    await assert.rejects(
      here.network.takeOver(wrong, 'old'),
      (error) => isKind(error, 'conflict') && /7070 failed: port is already allocated/.test(String(error)),
    );
    assert.deepEqual(here.network.attachments().get('old')?.publishedPorts, old.publishedPorts);
    const right = { containerId: 'right', spec: spec({ ports: [tcp(80)] }) };
    await here.network.attach({ ...right, standby: true });
    const { publishedPorts } = await here.network.takeOver(right, 'old');
    assert.equal(publishedPorts[0]?.hostPort, chosen);
    assert.equal(await ask('127.0.0.1', 9090), 'ECONNREFUSED');
    await here.network.attach({ containerId: 'third', spec: spec({ ports: [tcp(90, 9090)] }) });
  });

  test('takeOver() moves the names on a network that people made', async () => {
    await using here = await place();
    await here.network.start([]);
    await here.network.create(networkRequest('shop'));
    const wish = { aliases: ['web'], links: [], driverOptions: {} };
    const shop = spec({ networkMode: { kind: 'network', name: 'shop' }, endpoints: { shop: wish } });
    const old = await here.network.attach({ containerId: 'old', name: 'shop-web-1', spec: shop });
    const fresh = await here.network.attach({ containerId: 'new', name: 'new-web-1', spec: shop, standby: true });
    const named = async (name: string) => (await lookUp(fresh.namespace, name)).answers;
    assert.deepEqual(await named('web'), [addressOf(old)], 'one that stands by can look names up itself');
    await here.network.takeOver({ containerId: 'new', name: 'new-web-1', spec: shop }, 'old');
    assert.deepEqual([await named('web'), await named('new-web-1')], [[addressOf(fresh)], [addressOf(fresh)]]);
    assert.deepEqual(here.network.rename({ containerId: 'old', name: 'other', spec: shop })?.endpoints[0]?.dnsNames, []);
    here.network.hide('new');
    assert.deepEqual(await named('web'), [], 'hide() takes the names away');
    await here.network.takeOver({ containerId: 'new', name: 'shop-web-1', spec: shop }, undefined);
    assert.deepEqual([await named('web'), await named('shop-web-1')], [[addressOf(fresh)], [addressOf(fresh)]]);
  });
});
