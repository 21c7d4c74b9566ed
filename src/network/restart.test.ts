import assert from 'node:assert/strict';
import { mkdirSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { run, spawn } from '../host/index.ts';
import {
  addressOf,
  ask,
  clock,
  eventually,
  greeter,
  inOwnNetwork,
  inside,
  linkNames,
  machineOutside,
  namespaces,
  place,
  prefixOf,
  spec,
  tcp,
} from './testing/place.ts';

await inOwnNetwork(import.meta.filename, () => {
  test('rules that someone flushes are back within a second, and connections work meanwhile', async () => {
    await using here = await place();
    await here.network.start([]);
    const server = await here.network.attach({ containerId: 'server', spec: spec({ ports: [tcp(80, 8080)] }) });
    await using _server = await greeter(server.namespace, 'TCP-LISTEN:80,fork');
    const before = (await run('nft', ['list', 'ruleset'])).stdout;
    await run('nft', ['flush', 'ruleset']);
    assert.match(await ask('127.0.0.1', 8080), /^hello /);
    await eventually(async () => (await run('nft', ['list', 'ruleset'])).stdout === before, 'the same rules as before');
    await run('nft', ['flush', 'ruleset']);
    await here.network.attach({ containerId: 'late', spec: spec({ ports: [tcp(80, 8081)] }) });
    assert.match((await run('nft', ['list', 'ruleset'])).stdout, /8080[\s\S]*8081|8081[\s\S]*8080/, 'a change puts the whole table back');
    await run('nft', ['flush', 'ruleset']);
    await here.network.detach('late');
    assert.equal((await run('nft', ['list', 'ruleset'])).stdout, before);
    const table = /table ip (\S+)/.exec(before)?.[1] ?? '';
    await run('nft', ['flush', 'chain', 'ip', table, 'leaving']);
    await eventually(
      async () => (await run('nft', ['list', 'ruleset'])).stdout === before,
      'the same rules after part of them was flushed',
    );
  });

  test('our bridge is accepted where another engine drops what is forwarded', async () => {
    await using here = await place();
    await here.network.start([]);
    await run('iptables', ['-P', 'FORWARD', 'DROP']);
    await eventually(async () => (await run('iptables', ['-S', 'FORWARD'])).stdout.includes('gantry: '), 'an accepting rule in FORWARD');
    const server = await here.network.attach({ containerId: 'server', spec: spec() });
    const client = await here.network.attach({ containerId: 'client', spec: spec() });
    await using _server = await greeter(server.namespace, 'TCP-LISTEN:80,fork');
    assert.match(await inside(client.namespace, 'socat', '-u', `TCP:${addressOf(server)}:80`, '-'), /^hello/);
  });

  test('our bridge is accepted in a chain that ends with a reject, as that of firewalld does, again after it was written anew', async () => {
    await using here = await place();
    await here.network.start([]);
    const client = await here.network.attach({ containerId: 'client', spec: spec() });
    await using outside = await machineOutside(here);
    await using _far = await greeter(outside.namespace, 'TCP-LISTEN:81,fork');
    const wall = `table inet wall
      delete table inet wall
      table inet wall {
        chain forward {
          type filter hook forward priority filter + 10; policy accept;
          ct state established,related accept
          ct status dnat accept
          reject with icmpx admin-prohibited
        }
      }`;
    for (const _ of ['first', 'reloaded']) {
      await run('nft', ['-f', '-'], { input: wall });
      const far = () => inside(client.namespace, 'sh', '-c', 'socat -u TCP:10.99.0.2:81,connect-timeout=1 - 2>/dev/null || true');
      await eventually(async () => (await far()) !== '', 'the way to the world');
    }
  });

  test('our bridge is accepted where the old back end of iptables drops what is forwarded', async () => {
    await run('iptables-legacy', ['-P', 'FORWARD', 'DROP']);
    try {
      await using here = await place();
      await here.network.start([]);
      const rules = async () => (await run('iptables-legacy', ['-S', 'FORWARD'])).stdout.match(/gantry: /g)?.length;
      await eventually(async () => (await rules()) === 2, 'two accepting rules');
      await (await here.again()).start([]);
      await clock.sleep(200);
      assert.equal(await rules(), 2, 'not once more');
      await run('iptables-legacy', ['-F', 'FORWARD']);
      for (let tries = 0; tries < 4 && (await rules()) !== 2; tries += 1) await clock.sleep(2000);
      assert.equal(await rules(), 2, 'noticed later too');
    } finally {
      await run('iptables-legacy', ['-P', 'FORWARD', 'ACCEPT']);
      await run('iptables-legacy', ['-F', 'FORWARD']);
    }
  });

  test('start() after a kill goes on with living containers and removes everything else of this daemon only', async () => {
    await using other = await place();
    await other.network.start([]);
    const neighbour = await other.network.attach({ containerId: 'neighbour', spec: spec({ ports: [tcp(80, 7070)] }) });
    await using here = await place();
    await here.network.start([]);
    const kept = await here.network.attach({ containerId: 'kept', spec: spec({ ports: [tcp(80, 8080)] }) });
    await here.network.attach({ containerId: 'forgotten', spec: spec({ ports: [tcp(80, 8081)] }) });
    const alone = await here.network.attach({ containerId: 'alone', spec: spec({ networkMode: { kind: 'none' } }) });
    await using _server = await greeter(kept.namespace, 'TCP-LISTEN:80,fork');
    // What is left of a daemon after kill -9: its sockets are closed, all else is as it was.
    await here.network[Symbol.asyncDispose]();
    assert.match(await ask('127.0.0.1', 8080), /^hello /, 'the kernel forwards without a daemon');
    await run('nft', ['flush', 'ruleset']);
    await run('ip', ['link', 'set', path.basename(kept.namespace).replace(/^/, `${prefixOf(here)}`), 'nomaster']);

    const next = await here.again();
    await next.start([kept, alone]);
    assert.deepEqual([...next.attachments().keys()], ['kept', 'alone']);
    assert.match(await ask('127.0.0.1', 8080), /^hello /);
    assert.match(await ask('::1', 8080), /^hello /);
    const rules = (await run('nft', ['list', 'ruleset'])).stdout;
    assert.ok(rules.includes('8080') && !rules.includes('8081'), rules);
    // The others are the pool's: four on the bridge and two without.
    await eventually(async () => namespaces(here.options).length === 2 + 6, 'namespaces of the living and of the pool');
    await eventually(
      async () => (await linkNames()).filter((name) => name.startsWith(prefixOf(here))).length === 1 + 4,
      'links of the living and of the pool',
    );
    await assert.rejects(next.attach({ containerId: 'late', spec: spec({ ports: [tcp(80, 8080)] }) }), /port is already allocated/);
    const fresh = await next.attach({ containerId: 'fresh', spec: spec() });
    assert.notEqual(addressOf(fresh), addressOf(kept));
    await using _far = await greeter(neighbour.namespace, 'TCP-LISTEN:80,fork');
    await eventually(async () => /^hello /.test(await ask('127.0.0.1', 7070)), "the other daemon's port");
    assert.notEqual(next.get('bridge').subnets[0]?.subnet, other.network.get('bridge').subnets[0]?.subnet);
  });

  test('start() goes on in spite of an address that does not fit and a folder that is in the way', async () => {
    await using here = await place();
    await here.network.start([]);
    const kept = await here.network.attach({ containerId: 'kept', spec: spec({ ports: [tcp(80, 8080)] }) });
    await here.network[Symbol.asyncDispose]();
    const inTheWay = path.join(here.options.execRoot, 'netns', 'folder');
    mkdirSync(inTheWay);
    const next = await here.again({ bip: '10.77.0.1/24' });
    await next.start([kept, { ...kept, containerId: 'gone', namespace: `${kept.namespace}0` }]);
    assert.deepEqual([...next.attachments().keys()], ['kept']);
    assert.match(addressOf(await next.attach({ containerId: 'fresh', spec: spec() })), /^10\.77\.0\./);
    rmdirSync(inTheWay);
  });

  test('a daemon killed at any moment leaves nothing that the next start() does not clean', async () => {
    for (const afterMilliseconds of [350, 420, 500, 600]) {
      await using here = await place();
      const { dataRoot, execRoot } = here.options;
      // A daemon that never rests: ports, addresses and namespaces come and go until it is killed.
      const program = `
        import { randomIds, silentLog, systemClock } from '${new URL('../base/index.ts', import.meta.url)}';
        import { memoryStore } from '${new URL('../store/index.ts', import.meta.url)}';
        import { createNetwork } from '${new URL('./index.ts', import.meta.url)}';
        const clock = systemClock();
        const network = await createNetwork({ dataRoot: ${JSON.stringify(dataRoot)}, execRoot: ${JSON.stringify(execRoot)}, store: memoryStore(), clock, ids: randomIds(), log: silentLog });
        await network.start([]);
        const spec = ${JSON.stringify(spec({ ports: [tcp(80)] }))};
        for (let count = 0; ; count += 1) {
          await network.attach({ containerId: 'c' + count, spec });
          if (count > 2) await network.detach('c' + (count - 3));
        }`;
      const victim = await spawn(process.execPath, [
        '--disable-warning=ExperimentalWarning',
        '--input-type=module-typescript',
        '--eval',
        program,
      ]);
      await using undo = new AsyncDisposableStack();
      undo.defer(() => void victim.kill('SIGKILL'));
      await clock.sleep(afterMilliseconds);
      await undo.disposeAsync();
      await victim.exit;
      await here.network.start([]);
      await here.network[Symbol.asyncDispose]();
      await eventually(async () => namespaces(here.options).length === 0, 'no namespace file');
      await eventually(async () => !(await linkNames()).some((name) => name.startsWith(prefixOf(here))), 'no link of containers or pool');
      assert.doesNotMatch((await run('nft', ['list', 'ruleset'])).stdout, / : 172\.\d+\.\d+\.\d+ \. \d+/);
    }
  });
});
