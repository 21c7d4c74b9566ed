import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { errnoOf, GantryError } from '../../base/index.ts';
import * as netlink from './index.ts';

function folder(): { file: string } & Disposable {
  const root = mkdtempSync(path.join(tmpdir(), 'gantry-netlink-'));
  const file = path.join(root, 'namespace');
  return {
    file,
    [Symbol.dispose]() {
      netlink.dropNamespace(file);
      rmSync(root, { recursive: true });
    },
  };
}

const here = () => readlinkSync('/proc/thread-self/ns/net');

test('makeNamespace() runs the work inside, comes back, and the file holds the namespace', () => {
  using at = folder();
  const home = here();
  const inside = netlink.makeNamespace(at.file, here);
  assert.notEqual(inside, home);
  assert.equal(here(), home);
  assert.equal(netlink.insideNamespace(at.file, here), inside);
  netlink.dropNamespace(at.file);
  assert.ok(!existsSync(at.file));
  netlink.dropNamespace(at.file);
});

test('makeNamespace() leaves nothing and comes back when the work fails, and refuses a file that is there', () => {
  using at = folder();
  const home = here();
  const work = () => {
    throw new Error('half way');
  };
  assert.throws(() => netlink.makeNamespace(at.file, work), /half way/);
  assert.equal(here(), home);
  assert.ok(!existsSync(at.file));
  assert.ok(!readFileSync('/proc/self/mounts', 'utf8').includes(at.file));
  writeFileSync(at.file, 'kept');
  assert.throws(
    () => netlink.makeNamespace(at.file, here),
    (error) => errnoOf(error) === 'EEXIST',
  );
  assert.equal(readFileSync(at.file, 'utf8'), 'kept');
});

test('a socket stays in the namespace where it was opened, and answers each message by itself', async () => {
  using at = folder();
  using socket = netlink.makeNamespace(at.file, () => new netlink.NetlinkSocket(netlink.NETLINK_ROUTE));
  const answers = await socket.transact([
    netlink.addBridge({ name: 'one', mtu: 1400, macAddress: '02:42:00:00:00:01', up: true }),
    netlink.addBridge({ name: 'one' }),
    netlink.addBridge({ name: 'two' }),
  ]);
  assert.deepEqual(
    answers.map(({ error }) => error),
    [0, -17, 0],
  );
  const links = (await socket.dump(netlink.listLinks())).map(netlink.readLink);
  assert.deepEqual(
    links.map(({ name, kind }) => `${name} ${kind}`),
    ['lo ', 'one bridge', 'two bridge'],
  );
  const one = links[1];
  assert.deepEqual([one?.mtu, one?.macAddress, one?.up], [1400, '02:42:00:00:00:01', true]);
});

test('require() names the message that failed and what the kernel says about it', async () => {
  using at = folder();
  using socket = netlink.makeNamespace(at.file, () => new netlink.NetlinkSocket(netlink.NETLINK_ROUTE));
  await assert.rejects(
    socket.require([netlink.setLink(1, { up: true }), netlink.deleteLink('absent')], (index) => `Step ${index}`),
    (error) => error instanceof GantryError && /^Step 1 failed: ENODEV/.test(error.message) && errnoOf(error.cause) === 'ENODEV',
  );
  await socket.require([netlink.deleteLink('absent')], () => 'Never', [19]);
});

test('a batch larger than one datagram is answered message by message', async () => {
  using at = folder();
  using socket = netlink.makeNamespace(at.file, () => new netlink.NetlinkSocket(netlink.NETLINK_ROUTE));
  const answers = await socket.transact(Array.from({ length: 3000 }, (_, index) => netlink.setLink(1, { up: index % 2 === 0 })));
  assert.equal(answers.length, 3000);
  assert.ok(answers.every(({ error }) => error === 0));
});
