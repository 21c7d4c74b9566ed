import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isKind } from '../base/index.ts';
import {
  addressOf,
  ask,
  clock,
  eventually,
  greeter,
  inOwnNetwork,
  inside,
  namespaces,
  networkRequest,
  place,
  spec,
  tcp,
} from './testing/place.ts';

await inOwnNetwork(import.meta.filename, () => {
  test('attach() on the bridge gives address, route and sysctls, and leads to neighbours and the host', async () => {
    await using here = await place({ mtu: 1400 });
    await here.network.start([]);
    const one = await here.network.attach({ containerId: 'one', spec: spec() });
    const two = await here.network.attach({ containerId: 'two', spec: spec() });
    assert.notEqual(addressOf(one), addressOf(two));
    const route = await inside(one.namespace, 'ip', 'route');
    assert.match(route, /default via 172\.17\.0\.1 dev eth0/);
    assert.match(await inside(one.namespace, 'ip', 'link', 'show', 'eth0'), new RegExp(`mtu 1400[\\s\\S]*${one.endpoints[0]?.macAddress}`));
    assert.match(await inside(one.namespace, 'ip', '-6', 'address'), /^1: lo[\s\S]*::1/);
    assert.equal((await inside(one.namespace, 'cat', '/proc/sys/net/ipv4/ip_unprivileged_port_start')).trim(), '0');
    await using _server = await greeter(two.namespace, 'TCP-LISTEN:80,fork');
    assert.equal(await ask(addressOf(two), 80), 'hello 172.17.0.1');
    assert.equal((await inside(one.namespace, 'socat', '-u', `TCP:${addressOf(two)}:80`, '-')).trim(), `hello ${addressOf(one)}`);
  });

  test('a fixed address and hardware address are given, and an address in use is refused', async () => {
    await using here = await place({ bip: '10.88.0.1/24' });
    await here.network.start([]);
    const wish = { bridge: { aliases: [], links: [], driverOptions: {}, ipv4Address: '10.88.0.77', macAddress: '02:42:AA:BB:CC:DD' } };
    const fixed = await here.network.attach({ containerId: 'fixed', spec: spec({ endpoints: wish }) });
    assert.equal(addressOf(fixed), '10.88.0.77');
    assert.equal(fixed.endpoints[0]?.macAddress, '02:42:aa:bb:cc:dd');
    assert.match(await inside(fixed.namespace, 'ip', 'address', 'show', 'eth0'), /02:42:aa:bb:cc:dd[\s\S]*inet 10\.88\.0\.77\/24/);
    assert.match(await inside(fixed.namespace, 'ip', 'route'), /default via 10\.88\.0\.1/);
    await assert.rejects(
      here.network.attach({ containerId: 'late', spec: spec({ endpoints: wish }) }),
      /Address already in use: 10\.88\.0\.77/,
    );
    await here.network.detach('fixed');
    const restarted = await here.network.attach({ containerId: 'fixed', spec: spec({ endpoints: wish }) });
    assert.equal(addressOf(restarted), '10.88.0.77', 'the same at once after a restart');
    await using _server = await greeter(restarted.namespace, 'TCP-LISTEN:80,fork');
    assert.equal(await ask('10.88.0.77', 80), 'hello 10.88.0.1');
    // The lowest addresses lie in the pool or are on their way to it.
    const low = { bridge: { ...wish.bridge, ipv4Address: '10.88.0.3' } };
    assert.equal(addressOf(await here.network.attach({ containerId: 'low', spec: spec({ endpoints: low }) })), '10.88.0.3');
  });

  test('a full subnet is refused, and has room at once for who comes after one that left', async () => {
    await using here = await place({ bip: '10.89.0.1/29' });
    await here.network.start([]);
    for (const containerId of ['a', 'b', 'c', 'd', 'e']) await here.network.attach({ containerId, spec: spec() });
    await assert.rejects(here.network.attach({ containerId: 'f', spec: spec() }), /No free address is left in 10\.89\.0\.0\/29/);
    await here.network.detach('b');
    assert.match(addressOf(await here.network.attach({ containerId: 'f', spec: spec() })), /^10\.89\.0\.[2-6]$/);
  });

  test('connect() that fails leaves the container as it was, on the default bridge and on others', async () => {
    await using here = await place();
    const { network } = here;
    await network.start([]);
    await network.create(networkRequest('inner', { internal: true }));
    await network.create(networkRequest('outer'));
    await network.attach({ containerId: 'other', spec: spec({ ports: [tcp(80, 8080)] }) });
    const request = { containerId: 'web', spec: spec({ networkMode: { kind: 'network', name: 'inner' }, ports: [tcp(80, 8080)] }) };
    const before = await network.attach(request);
    const devices = async () => (await inside(before.namespace, 'ip', '-o', 'link')).match(/^\d+: [^:]+/gm);
    const links = await devices();
    for (const name of ['bridge', 'outer']) {
      const wish = { aliases: [], links: [], driverOptions: {} };
      await assert.rejects(network.connect(request, name, wish), /8080 failed: port is already allocated/, name);
      assert.deepEqual(network.attachments().get('web')?.endpoints, before.endpoints);
      assert.deepEqual(await devices(), links);
      assert.doesNotMatch(await inside(before.namespace, 'ip', 'route'), /default/);
    }
    await network.detach('other');
    const joined = await network.connect(request, 'outer', { aliases: [], links: [], driverOptions: {} });
    assert.equal(joined.publishedPorts[0]?.hostPort, 8080);
    assert.match(await inside(before.namespace, 'ip', 'route'), /default/);
    await network.detach('web');
    await network.remove('outer');
  });

  test('host and none mode have no address, ids stay over restarts, and unknown names are refused', async () => {
    await using here = await place();
    await here.network.start([]);
    const host = await here.network.attach({ containerId: 'host', spec: spec({ networkMode: { kind: 'host' } }) });
    assert.equal(host.namespace, '');
    const none = await here.network.attach({ containerId: 'none', spec: spec({ networkMode: { kind: 'network', name: 'none' } }) });
    assert.deepEqual((await inside(none.namespace, 'ip', '-o', 'link')).split('\n').filter(Boolean).length, 1);
    assert.match(await inside(none.namespace, 'ip', '-o', 'address'), /127\.0\.0\.1/);
    const joined = await here.network.attach({ containerId: 'joined', spec: spec({ networkMode: { kind: 'container', id: 'none' } }) });
    assert.equal(joined.namespace, none.namespace);
    const ids = here.network.list().map(({ id, name }) => `${name} ${id}`);
    assert.deepEqual(
      (await here.again()).list().map(({ id, name }) => `${name} ${id}`),
      ids,
    );
    assert.equal(here.network.get(here.network.get('bridge').id.slice(0, 12)).name, 'bridge');
    assert.throws(
      () => here.network.get('nowhere'),
      (error) => isKind(error, 'notFound') && /network nowhere not found/.test(String(error)),
    );
  });

  test('attach() from a warm pool takes less than a millisecond, and a hundred at once all succeed', async () => {
    await using here = await place();
    await here.network.start([]);
    await clock.sleep(100);
    const times: number[] = [];
    for (let count = 0; count < 15; count += 1) {
      const begun = performance.now();
      await here.network.attach({ containerId: `warm${count}`, spec: spec() });
      times.push(performance.now() - begun);
      await clock.sleep(60);
      await here.network.detach(`warm${count}`);
    }
    const median = times.toSorted((a, b) => a - b)[7] ?? Number.POSITIVE_INFINITY;
    assert.ok(median < 1, `median of ${median} ms`);

    const begun = performance.now();
    const burst = Array.from({ length: 100 }, (_, index) => here.network.attach({ containerId: `burst${index}`, spec: spec() }));
    const addresses = new Set((await Promise.all(burst)).map(addressOf));
    const took = performance.now() - begun;
    assert.equal(addresses.size, 100);
    assert.ok(took < 2000, `${took} ms for 100`);
    await Promise.all(Array.from({ length: 100 }, (_, index) => here.network.detach(`burst${index}`)));
    await eventually(async () => namespaces(here.options).length <= 8 + 2, 'all gone but the pool');
    process.stdout.write(`# attach: median ${median.toFixed(2)} ms warm, 100 at once in ${took.toFixed(0)} ms\n`);
  });
});
