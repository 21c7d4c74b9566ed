import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { describeMount, parseDriverOptions, serverToResolve, withServerAddress } from './driver-options.ts';

const parse = (type: string, device: string, o = '') => {
  const mount = parseDriverOptions({ type, device, o });
  assert.ok(mount);
  return mount;
};

suite('options of the local driver', () => {
  for (const [type, device, o, server] of [
    ['nfs', ':/export', 'addr=files.example.org,rw', 'files.example.org'],
    ['nfs4', 'files.example.org:/export', 'rw', 'files.example.org'],
    ['nfs', '[fd00::5]:/export', '', 'fd00::5'],
    ['cifs', '//files.example.org/share', 'username=me', 'files.example.org'],
    ['nfs', '/export', '', undefined],
    ['tmpfs', 'tmpfs', 'addr=x', undefined],
  ] as const) {
    test(`serverToResolve() says ${server} of ${type} ${device} ${o}`, () => assert.equal(serverToResolve(parse(type, device, o)), server));
  }

  test('withServerAddress() puts the address in the place of the name', () => {
    assert.equal(withServerAddress(parse('nfs', ':/x', 'addr=files,vers=4'), '10.0.0.5').options, 'vers=4,addr=10.0.0.5');
  });

  test('a bind may be asked for by type or by option', () => {
    assert.deepEqual(parse('bind', '/srv', 'ro'), { type: 'none', device: '/srv', options: 'bind,ro' });
    assert.deepEqual(parse('none', '/srv', 'rbind'), { type: 'none', device: '/srv', options: 'rbind' });
  });

  test('describeMount() hides passwords', () => {
    assert.equal(describeMount(parse('cifs', '//h/s', 'password=a,pass2=b,rw')), '//h/s (type cifs, password=********,pass2=********,rw)');
  });
});
