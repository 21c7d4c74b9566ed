import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseDaemonOptions } from './options.ts';

const none = () => {
  throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
};
const parse = (argv: string[], file?: unknown) => {
  const parsed = parseDaemonOptions(argv, file === undefined ? none : () => JSON.stringify(file));
  assert.equal(parsed.kind, 'run');
  return parsed.kind === 'run' ? parsed.options : assert.fail();
};

suite('gantryd options', () => {
  test('parseDaemonOptions() has defaults for everything', () => {
    const options = parse([]);
    assert.deepEqual(options.hosts, ['unix:///run/gantry/gantry.sock']);
    assert.equal(options.dataRoot, '/var/lib/gantry');
    assert.equal(options.defaultRuntime, 'crun');
  });

  test('parseDaemonOptions() refuses tcp without mutual TLS, naming the address', () => {
    assert.throws(() => parse(['-H', 'tcp://0.0.0.0:2375']), /tcp:\/\/0\.0\.0\.0:2375/);
    assert.throws(() => parse(['-H', 'tcp://0.0.0.0:2375', '--tls=false']), /without mutual TLS/);
    assert.throws(() => parse(['-H', 'tcp://127.0.0.1:2375']), /without mutual TLS/);
    assert.throws(() => parse(['-H', 'tcp://0.0.0.0:2376', '--tls']), /without mutual TLS/);
  });

  test('parseDaemonOptions() allows tcp with --tlsverify, and on loopback when asked by name', () => {
    assert.equal(parse(['-H', 'tcp://0.0.0.0:2376', '--tlsverify']).tls?.verify, true);
    assert.equal(parse(['-H', 'tcp://127.0.0.1:2375', '--tls=false']).plainTcp, true);
  });

  test('parseDaemonOptions() reads daemon.json and names a key that is not known', () => {
    assert.deepEqual(parse(['--config-file', 'x'], { 'insecure-registries': ['r:1'], mtu: 1300 }).insecureRegistries, ['r:1']);
    assert.throws(() => parse(['--config-file', 'x'], { colour: 1 }), /not known: colour/);
  });

  test('parseDaemonOptions() reads the budget of the disk, by flag and by key', () => {
    assert.equal(parse([]).diskLimit, undefined);
    assert.deepEqual(parse(['--disk-budget', '30%']).diskLimit, { percent: 30 });
    assert.deepEqual(parse(['--config-file', 'x'], { 'disk-budget': '40GiB' }).diskLimit, { bytes: 40 * 2 ** 30 });
    assert.throws(() => parse(['--disk-budget', 'much']), /--disk-budget much is not understood/);
  });

  test('parseDaemonOptions() reads who may use published ports, and where they are', () => {
    assert.deepEqual([parse([]).expose, parse([]).ip, parse([]).relay], ['public', undefined, true]);
    const options = parse(['--config-file', 'x'], { expose: 'host', ip: '127.0.0.1', 'userland-proxy': false });
    assert.deepEqual([options.expose, options.ip, options.relay], ['host', '127.0.0.1', false]);
  });

  test('parseDaemonOptions() reads what containers get for names, under the keys of daemon.json', () => {
    const file = { dns: ['10.0.0.53', 'fd00::53'], 'dns-opts': ['ndots:1'], 'dns-search': ['example.org'], 'host-gateway-ip': '10.0.0.1' };
    const options = parse(['--config-file', 'x'], file);
    assert.deepEqual(options.names, { dnsServers: file.dns, dnsOptions: ['ndots:1'], dnsSearch: ['example.org'] });
    assert.equal(options.hostGateway, '10.0.0.1');
    assert.deepEqual(parse([]).names, { dnsServers: [], dnsOptions: [], dnsSearch: [] });
    assert.throws(() => parse(['--dns', 'ns.example']), /--dns ns\.example is not an IP address/);
    assert.throws(() => parse(['--host-gateway-ip', 'gate']), /--host-gateway-ip gate is not an IP address/);
  });

  test('parseDaemonOptions() refuses an option that is given twice', () => {
    assert.throws(() => parse(['--config-file', 'x', '--bip', '10.0.0.1/24'], { bip: '10.1.0.1/24' }), /"bip" is given both/);
  });

  test('parseDaemonOptions() names an unknown flag and a bad value', () => {
    assert.throws(() => parse(['--nope']), /--nope/);
    assert.throws(() => parse(['--log-level', 'loud']), /--log-level loud/);
    assert.throws(() => parse(['--expose', 'nobody']), /--expose nobody is not known/);
    assert.throws(() => parse(['--ip', '10.0.0']), /--ip 10\.0\.0 is not an IP address/);
    assert.throws(() => parse(['--metrics-addr', '9323']), /--metrics-addr 9323 is not understood/);
    assert.throws(() => parse(['--userland-proxy=maybe']), /--userland-proxy maybe is neither true nor false/);
    assert.throws(() => parse(['--default-address-pool', '10.0.0.0/8']), /--default-address-pool 10\.0\.0\.0\/8/);
    assert.throws(() => parse(['--registry-auth', 'basic']), /--registry-auth is given without --registry/);
    assert.throws(() => parse(['--registry', '127.0.0.1:5001', '--registry-token-life', '1s']), /--registry-token-life 1s/);
  });
});
