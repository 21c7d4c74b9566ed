import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isKind } from '../../base/index.ts';
import {
  Allocator,
  chooseSubnet,
  DEFAULT_POOLS,
  formatAddress,
  formatSubnet,
  macAddressOf,
  parseAddress,
  parseBridgeAddress,
  parseCidr,
  type Subnet,
} from './index.ts';

const subnet = (text: string): Subnet => {
  const cidr = parseCidr(text);
  assert.ok(cidr, text);
  return cidr;
};

test('parseAddress() refuses what is not four plain decimal numbers', () => {
  assert.equal(parseAddress('255.255.255.255'), 0xffffffff);
  for (const text of ['', '1.2.3', '1.2.3.4.5', '256.1.1.1', '01.2.3.4', '1.2.3.4 ', '-1.2.3.4', '1.2.3.0x4'])
    assert.equal(parseAddress(text), undefined, text);
});

test('chooseSubnet() takes the first default subnet that no route of the host overlaps', () => {
  const choose = (...taken: string[]) => formatSubnet(chooseSubnet(DEFAULT_POOLS, taken.map(subnet)).subnet);
  assert.equal(choose(), '172.17.0.0/16');
  assert.equal(choose('172.17.5.0/24'), '172.18.0.0/16');
  assert.equal(choose('172.16.0.0/14'), '172.20.0.0/16');
  assert.equal(choose('172.16.0.0/12'), '192.168.0.0/20');
  assert.equal(choose('172.16.0.0/12', '192.168.1.0/24'), '192.168.16.0/20');
});

test('chooseSubnet() says what to do when every pool is taken', () => {
  assert.throws(
    () => chooseSubnet([{ base: '10.0.0.0/24', size: 26 }], [subnet('10.0.0.0/8')]),
    (error) => isKind(error, 'conflict') && /10\.0\.0\.0\/24/.test(String(error)),
  );
  assert.throws(
    () => chooseSubnet([{ base: '10.0.0.0/24', size: 16 }], []),
    (error) => isKind(error, 'invalid'),
  );
});

test('parseBridgeAddress() keeps the address as the gateway of its subnet', () => {
  const { subnet: of, gateway } = parseBridgeAddress('10.7.3.9/20');
  assert.equal(formatSubnet(of), '10.7.0.0/20');
  assert.equal(formatAddress(gateway), '10.7.3.9');
  for (const bad of ['10.0.0.0/24', '10.0.0.255/24', '10.0.0.1/31', '10.0.0.1', 'x/24'])
    assert.throws(
      () => parseBridgeAddress(bad),
      (error) => isKind(error, 'invalid'),
      bad,
    );
});

test('allocate() goes round and gives a released address again only after all others', () => {
  const addresses = new Allocator(parseBridgeAddress('10.0.0.1/29'));
  const given = [1, 2, 3].map(() => formatAddress(addresses.allocate()));
  assert.deepEqual(given, ['10.0.0.2', '10.0.0.3', '10.0.0.4']);
  addresses.release(parseAddress('10.0.0.2') as number);
  assert.deepEqual(
    [1, 2, 3].map(() => formatAddress(addresses.allocate())),
    ['10.0.0.5', '10.0.0.6', '10.0.0.2'],
  );
  assert.throws(
    () => addresses.allocate(),
    (error) => isKind(error, 'conflict'),
  );
});

test('reserve() refuses addresses in use, the gateway and those outside', () => {
  const addresses = new Allocator(parseBridgeAddress('10.0.0.1/24'));
  addresses.reserve('10.0.0.77');
  for (const [text, kind] of [
    ['10.0.0.77', 'conflict'],
    ['10.0.0.1', 'conflict'],
    ['10.0.1.5', 'invalid'],
    ['10.0.0.255', 'invalid'],
    ['nonsense', 'invalid'],
  ] as const) {
    assert.throws(
      () => addresses.reserve(text),
      (error) => isKind(error, kind),
      text,
    );
  }
});

test('macAddressOf() is made of the address', () => {
  assert.equal(macAddressOf(parseAddress('172.17.0.2') as number), '02:42:ac:11:00:02');
});
