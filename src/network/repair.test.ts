import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { run } from '../host/index.ts';
import type { Attachment } from './index.ts';
import {
  addressOf,
  ask,
  eventually,
  greeter,
  inOwnNetwork,
  inside,
  linkNames,
  networkRequest,
  type Place,
  place,
  prefixOf,
  spec,
  tcp,
} from './testing/place.ts';

/** Each of these is done to the host, and must be undone by the daemon. */
const bridgeOf = (here: Place, network: string) => {
  const { id, options } = here.network.get(network);
  return options['com.docker.network.bridge.name'] ?? `br-${id.slice(0, 12)}`;
};

async function talks(from: Attachment, to: Attachment): Promise<boolean> {
  const { endpoints } = to;
  const words = ['-u', `TCP:${endpoints[0]?.ipv4Address}:80,connect-timeout=0.3`, '-'];
  return (await run('nsenter', [`--net=${from.namespace}`, 'socat', ...words], { allowFailure: true })).stdout.startsWith('hello');
}

await inOwnNetwork(import.meta.filename, () => {
  for (const network of ['bridge', 'shop'])
    test(`what someone does to the links of the network ${network} is undone within a second, and counted`, async () => {
      await using here = await place();
      await here.network.start([]);
      await here.network.create(networkRequest('shop'));
      const mode = network === 'bridge' ? {} : { networkMode: { kind: 'network' as const, name: network } };
      const server = await here.network.attach({ containerId: 'server', spec: spec({ ...mode, ports: [tcp(80, 8080)] }) });
      const client = await here.network.attach({ containerId: 'client', spec: spec(mode) });
      await using _server = await greeter(server.namespace, 'TCP-LISTEN:80,fork');
      const bridge = bridgeOf(here, network);
      const links = async () => (await run('ip', ['-o', 'link', 'show', 'master', bridge])).stdout.split('\n');
      const linkTo = async (one: Attachment) => {
        const [, index] = /^\d+: eth0@if(\d+)/m.exec(await inside(one.namespace, 'ip', '-o', 'link')) ?? [];
        return (await links()).flatMap((line) => new RegExp(`^${index}: ([^@]+)@`).exec(line)?.[1] ?? [])[0] ?? '';
      };
      const gateway = /default via (\S+)/.exec(await inside(client.namespace, 'ip', 'route'))?.[1] ?? '';
      const works = async () =>
        (await talks(client, server)) &&
        (await ask('127.0.0.1', 8080)).startsWith('hello') &&
        (await inside(client.namespace, 'ip', 'route')).includes(`default via ${gateway}`);
      let counted = here.network.drift.links;
      const harm = async (what: string, ...command: string[]) => {
        await run('ip', command);
        await eventually(async () => here.network.drift.links > counted && (await works()), `all to be well after: ${what}`);
        counted = here.network.drift.links;
      };
      assert.ok(await works());
      await harm('the bridge was deleted', 'link', 'del', bridge);
      await harm('the bridge was set down', 'link', 'set', bridge, 'down');
      await harm('the address of the bridge was taken', 'address', 'flush', 'dev', bridge);
      await harm('the link of a container was deleted', 'link', 'del', await linkTo(client));
      await harm('the link of a container was taken off', 'link', 'set', await linkTo(client), 'nomaster');
      await harm('the link of a container was set down', 'link', 'set', await linkTo(client), 'down');
      // The stock is whole as well: the next container is on the bridge.
      const late = await here.network.attach({ containerId: 'late', spec: spec(mode) });
      await eventually(() => talks(late, server), 'a container that comes later');
      for (const id of ['server', 'client', 'late']) await here.network.detach(id);
      const ours = async () => (await linkNames()).filter((name) => name.startsWith(prefixOf(here)));
      await eventually(async () => (await ours()).length <= 8, `no link but the stock's: ${await ours()}`);
    });

  for (const network of ['bridge', 'shop'])
    test(`containers that come right after the bridge of ${network} was deleted are on it`, async () => {
      await using here = await place();
      await here.network.start([]);
      await here.network.create(networkRequest('shop'));
      const mode = network === 'bridge' ? {} : { networkMode: { kind: 'network' as const, name: network } };
      await run('ip', ['link', 'del', bridgeOf(here, network)]);
      // More than lie ready.
      const names = Array.from({ length: 12 }, (_, at) => `one${at}`);
      const [first, ...others] = await Promise.all(names.map((containerId) => here.network.attach({ containerId, spec: spec(mode) })));
      assert.ok(first);
      await using _server = await greeter(first.namespace, 'TCP-LISTEN:80,fork');
      for (const other of others) await eventually(() => talks(other, first), 'each to reach the first');
      for (const name of names) await here.network.detach(name);
    });

  test('a device that cannot be put back leaves the others alone', async () => {
    await using here = await place();
    await here.network.start([]);
    await here.network.create(networkRequest('blocked'));
    await here.network.create(networkRequest('shop'));
    const [blocked, shop] = [bridgeOf(here, 'blocked'), bridgeOf(here, 'shop')];
    // By one process: there is no time to put it back in between.
    await run('ip', ['-batch', '-'], { input: `link del ${blocked}\nlink add ${blocked} type veth peer name intheway\n` });
    await run('ip', ['link', 'del', shop]);
    await eventually(async () => (await linkNames()).includes(shop), 'the other bridge to be back');
    await run('ip', ['link', 'del', blocked]);
    const isBridge = async () =>
      (await run('ip', ['-d', 'link', 'show', blocked], { allowFailure: true })).stdout.includes('bridge forward_delay');
    await eventually(isBridge, 'the bridge to be back once its name is free');
  });

  test('routes to networks that someone deletes are put back within a second, and counted', async () => {
    await using here = await place();
    await here.network.start([]);
    const shop = await here.network.create(networkRequest('shop', { enableIPv6: true }));
    const onBridge = { spec: spec({ networkMode: { kind: 'network', name: 'shop' } }), containerId: 'one' };
    await here.network.attach(onBridge);
    const subnets = [...shop.subnets.map(({ subnet }) => [subnet, bridgeOf(here, 'shop')]), ['172.17.0.0/16', bridgeOf(here, 'bridge')]];
    for (const [subnet = '', bridge = ''] of subnets) {
      const family = subnet.includes(':') ? '-6' : '-4';
      const route = async () => (await run('ip', [family, 'route', 'show', subnet, 'dev', bridge])).stdout;
      const [before, counted] = [await route(), here.network.drift.links];
      await run('ip', [family, 'route', 'del', subnet, 'dev', bridge]);
      await eventually(async () => (await route()) === before, `the route to ${subnet} to be as it was: ${before}`);
      assert.equal(here.network.drift.links, counted + 1, subnet);
    }
  });

  test('settings of the kernel that someone changes are put back within a second, and counted', async () => {
    await using here = await place();
    await here.network.start([]);
    await here.network.create(networkRequest('shop', { enableIPv6: true }));
    for (const key of [
      'ipv4/ip_forward',
      'ipv6/conf/all/forwarding',
      `ipv4/conf/${bridgeOf(here, 'bridge')}/route_localnet`,
      `ipv4/conf/${bridgeOf(here, 'shop')}/route_localnet`,
    ]) {
      const before = here.network.drift.sysctls;
      const file = path.join('/proc/sys/net', key);
      writeFileSync(file, '0');
      await eventually(async () => readFileSync(file, 'utf8').trim() === '1', key);
      assert.equal(here.network.drift.sysctls, before + 1, key);
    }
  });

  test('links that were harmed while no daemon ran are mended at the start', async () => {
    await using here = await place();
    await here.network.start([]);
    const server = await here.network.attach({ containerId: 'server', spec: spec() });
    const client = await here.network.attach({ containerId: 'client', spec: spec() });
    await using _server = await greeter(server.namespace, 'TCP-LISTEN:80,fork');
    await here.network[Symbol.asyncDispose]();
    await run('ip', ['link', 'del', `${prefixOf(here)}${path.basename(client.namespace)}`]);
    await (await here.again()).start([server, client]);
    await eventually(() => talks(client, server), 'the two to talk again');
  });

  test('a route that appears later is avoided by new networks, and told of for old ones', async () => {
    await using here = await place();
    await here.network.start([]);
    const told: string[] = [];
    here.network.onTrouble(({ name }, sentence) => told.push(`${name}: ${sentence}`));
    await here.network.create(
      networkRequest('old', { subnets: [{ subnet: '172.18.0.0/16', gateway: '', ipRange: '', auxiliaryAddresses: {} }] }),
    );
    await run('ip', ['link', 'add', 'wg0', 'type', 'veth', 'peer', 'name', 'wg1']);
    await run('ip', ['link', 'set', 'wg0', 'up']);
    for (const half of ['0.0.0.0/1', '128.0.0.0/1']) await run('ip', ['route', 'add', half, 'dev', 'wg0']);
    await run('ip', ['route', 'add', '172.18.4.0/22', 'dev', 'wg0']);
    await run('ip', ['route', 'add', '172.19.0.0/16', 'dev', 'wg0']);
    try {
      await eventually(async () => told.length > 0, 'word of it');
      assert.deepEqual(told, [
        'old: a route of this host (device wg0) covers 172.18.4.0/22, which overlaps 172.18.0.0/16 of the network old: containers in 172.18.4.0/22 are not reached from this host; make the network anew (it takes a free subnet), or change the route',
      ]);
      const { subnets } = await here.network.create(networkRequest('new'));
      assert.equal(subnets[0]?.subnet, '172.20.0.0/16');
      assert.equal(told.length, 1, 'told once');
    } finally {
      await run('ip', ['link', 'del', 'wg0']);
    }
    assert.equal(
      addressOf(await here.network.attach({ containerId: 'one', spec: spec({ networkMode: { kind: 'network', name: 'new' } }) })),
      '172.20.0.2',
    );
  });
});
