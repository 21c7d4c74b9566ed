import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { isKind } from '../../base/index.ts';
import type { ContainerSpec } from '../../model/index.ts';
import type { Attachment } from '../network.ts';
import { changeHosts, hostsText, isUnedited, type NameSources, resolverText, wishesOrDefaults } from './index.ts';

function spec(more: Partial<ContainerSpec> = {}): ContainerSpec {
  return { dnsServers: [], dnsSearch: [], dnsOptions: [], extraHosts: [], domainname: '', ...more } as unknown as ContainerSpec;
}

function sources(files: { resolver?: string; behind?: string; hosts?: string }): NameSources & Disposable {
  const folder = mkdtempSync(path.join(tmpdir(), 'gantry-names-'));
  const put = (name: string, text: string | undefined) => {
    const file = path.join(folder, name);
    if (text !== undefined) writeFileSync(file, text);
    return file;
  };
  return {
    resolver: put('resolv.conf', files.resolver),
    resolverBehindStub: put('behind', files.behind),
    hosts: put('hosts', files.hosts),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

const withoutComment = (text: string) => text.replace(/^#.*\n/, '');

test('resolverText() keeps servers that a container can reach, search domains and options', async () => {
  using of = sources({
    resolver: '# own\nnameserver 10.0.0.53\nnameserver 127.0.0.1\nnameserver fd00::1\nsearch a.example b.example\noptions ndots:2\n',
  });
  assert.equal(
    withoutComment(await resolverText(spec(), 'servers', of)),
    'search a.example b.example\nnameserver 10.0.0.53\noptions ndots:2\n',
  );
});

test('resolverText() asks the servers behind the stub of systemd-resolved', async () => {
  using of = sources({ resolver: 'nameserver 127.0.0.53\n', behind: 'nameserver 192.0.2.53\n' });
  assert.equal(withoutComment(await resolverText(spec(), 'servers', of)), 'nameserver 192.0.2.53\n');
});

test('resolverText() names public servers only when nothing else is left', async () => {
  using of = sources({ resolver: 'nameserver 127.0.0.1\n' });
  assert.equal(withoutComment(await resolverText(spec(), 'servers', of)), 'nameserver 8.8.8.8\nnameserver 8.8.4.4\n');
  using missing = sources({});
  assert.match(await resolverText(spec(), 'servers', missing), /8\.8\.8\.8/);
});

test('resolverText() lets each wish of the container win, and "." empty the search list', async () => {
  using of = sources({ resolver: 'nameserver 10.0.0.53\nsearch a.example\noptions ndots:2\n' });
  assert.equal(
    withoutComment(await resolverText(spec({ dnsServers: ['1.1.1.1', 'fd00::2'] }), 'servers', of)),
    'search a.example\nnameserver 1.1.1.1\nnameserver fd00::2\noptions ndots:2\n',
  );
  assert.equal(
    withoutComment(await resolverText(spec({ dnsSearch: ['.'], dnsOptions: ['timeout:1'] }), 'servers', of)),
    'nameserver 10.0.0.53\noptions timeout:1\n',
  );
  await assert.rejects(
    resolverText(spec({ dnsServers: ['ns.example'] }), 'servers', of),
    (error) => isKind(error, 'invalid') && /ns\.example/.test(String(error)),
  );
});

test("resolverText() in host mode is the host's own text, or its servers with the container's wishes", async () => {
  using of = sources({ resolver: '# kept\nnameserver 127.0.0.53\n' });
  assert.equal(await resolverText(spec(), 'host', of), '# kept\nnameserver 127.0.0.53\n');
  assert.equal(
    withoutComment(await resolverText(spec({ dnsSearch: ['x.example'] }), 'host', of)),
    'search x.example\nnameserver 127.0.0.53\n',
  );
});

const attachment = { endpoints: [{ ipv4Address: '172.17.0.2', ipv6Address: '' }] } as unknown as Attachment;

test('hostsText() has loopback, extra hosts, linked ones, and the own address with full and short name', async () => {
  using of = sources({});
  const text = await hostsText(
    spec({ extraHosts: ['db:10.1.2.3', 'six:[fd00::9]', 'gate:host-gateway'], domainname: 'example.org' }),
    attachment,
    'web',
    [{ address: '172.17.0.9', names: ['cache', 'redis'] }],
    { hostMode: false, hostGateway: '172.17.0.1', sources: of },
  );
  const lines = text.split('\n');
  assert.equal(lines[0], '127.0.0.1\tlocalhost');
  assert.deepEqual(lines.slice(6), [
    '10.1.2.3\tdb',
    'fd00::9\tsix',
    '172.17.0.1\tgate',
    '172.17.0.9\tcache redis',
    '172.17.0.2\tweb.example.org web',
    '',
  ]);
});

test('hostsText() refuses an extra host that is no address, and in host mode begins with the host file', async () => {
  using of = sources({ hosts: '127.0.0.1 localhost me' });
  const options = { hostMode: true, hostGateway: '172.17.0.1', sources: of };
  assert.equal(
    await hostsText(spec({ extraHosts: ['db=10.1.2.3'] }), undefined, 'web', [], options),
    '127.0.0.1 localhost me\n10.1.2.3\tdb\n',
  );
  for (const bad of ['db', 'db:', 'db:somewhere', ':1.2.3.4']) {
    await assert.rejects(hostsText(spec({ extraHosts: [bad] }), undefined, 'web', [], options), (error) => isKind(error, 'invalid'), bad);
  }
});

test('resolverText() on a network with discovery names our resolver, and needs no dots unless the container says so', async () => {
  using of = sources({ resolver: 'nameserver 10.0.0.53\nsearch a.example\noptions edns0 ndots:2\n' });
  const text = await resolverText(spec({ dnsServers: ['9.9.9.9'] }), 'resolver', of);
  assert.equal(withoutComment(text), 'search a.example\nnameserver 127.0.0.11\noptions edns0 ndots:0\n');
  const wishes = spec({ dnsSearch: ['b.example'], dnsOptions: ['ndots:3', 'timeout:1'] });
  assert.equal(
    withoutComment(await resolverText(wishes, 'resolver', of)),
    'search b.example\nnameserver 127.0.0.11\noptions ndots:3 timeout:1\n',
  );
  assert.equal(isUnedited(text), true);
  assert.equal(isUnedited(`${text}options debug\n`), false);
  assert.equal(isUnedited('nameserver 127.0.0.11\n'), false);
});

test('wishesOrDefaults() takes each wish of the container, and the default where it has none', () => {
  const defaults = { dnsServers: ['10.0.0.53'], dnsSearch: ['a.example'], dnsOptions: ['ndots:1'] };
  assert.deepEqual(wishesOrDefaults(spec({ dnsSearch: ['b.example'] }), defaults), { ...defaults, dnsSearch: ['b.example'] });
});

test('changeHosts() changes the lines of the container itself and leaves those of others', () => {
  const text = '127.0.0.1\tlocalhost\n172.18.0.2\tweb\n10.0.0.1\tmine\n';
  const one = { address: '172.18.0.2', names: ['web'] };
  const other = { address: '172.19.0.5', names: ['web'] };
  assert.equal(changeHosts(text, [one], [other]), '127.0.0.1\tlocalhost\n10.0.0.1\tmine\n172.19.0.5\tweb\n');
  assert.equal(changeHosts(text, [other], []), text);
  assert.equal(changeHosts('10.0.0.1\tmine', [], [other]), '10.0.0.1\tmine\n172.19.0.5\tweb\n');
});
