import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseAddress } from './address.ts';
import { Router } from './router.ts';

describe('Router', () => {
  const router = new Router<string>();
  router.add('GET', '/images/json', 'list');
  router.add('GET', '/images/*name/json', 'inspect');
  router.add('GET', '/containers/:id/json', 'container');
  router.add('DELETE', '/images/*name', 'remove');

  for (const [method, path, handler, parameters] of [
    ['GET', '/images/json', 'list', {}],
    ['GET', '/images/localhost:5000/a/b:1/json', 'inspect', { name: 'localhost:5000/a/b:1' }],
    ['GET', '/images/a%2Fb/json', 'inspect', { name: 'a/b' }],
    ['DELETE', '/images/a/b@sha256:12', 'remove', { name: 'a/b@sha256:12' }],
    ['GET', '/containers/a/json', 'container', { id: 'a' }],
  ] as const) {
    test(`match() takes ${method} ${path} to ${handler}`, () => {
      assert.deepEqual(router.match(method, path), { handler, parameters });
    });
  }

  test('match() knows neither other methods nor other paths', () => {
    assert.equal(router.match('PUT', '/images/json'), undefined);
    assert.equal(router.match('GET', '/containers/a/b/json'), undefined);
  });

  test('match() refuses broken percent-encoding', () => {
    assert.throws(() => router.match('GET', '/containers/%zz/json'), /percent-encoding/);
  });
});

describe('parseAddress', () => {
  test('parseAddress() reads unix and tcp addresses', () => {
    assert.deepEqual(parseAddress('unix:///run/x.sock'), { kind: 'unix', path: '/run/x.sock' });
    assert.deepEqual(parseAddress('tcp://[::1]:2375'), { kind: 'tcp', host: '::1', port: 2375 });
    assert.deepEqual(parseAddress('127.0.0.1', true), { kind: 'tcp', host: '127.0.0.1', port: 2376 });
  });

  for (const [text, complaint] of [
    ['fd://', /fd:\/\//],
    ['unix://relative', /absolute path/],
    ['npipe://x', /scheme 'npipe'/],
    ['tcp://h:99999', /out of range/],
  ] as const) {
    test(`parseAddress() refuses ${text} by name`, () => assert.throws(() => parseAddress(text), complaint));
  }
});
