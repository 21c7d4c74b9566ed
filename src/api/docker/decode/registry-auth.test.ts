import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeRegistryAuth } from './registry-auth.ts';

const header = (value: unknown, alphabet: BufferEncoding = 'base64url') => Buffer.from(JSON.stringify(value)).toString(alphabet);

test('decodeRegistryAuth() reads both alphabets of base64, and the auth field of configuration files', () => {
  assert.deepEqual(decodeRegistryAuth(header({ username: 'ü>?', password: 'p' }, 'base64')), { username: 'ü>?', password: 'p' });
  assert.deepEqual(decodeRegistryAuth(header({ auth: Buffer.from('u:p:q').toString('base64') })), { username: 'u', password: 'p:q' });
  assert.deepEqual(decodeRegistryAuth(header({ identitytoken: 't' })), { identityToken: 't' });
});

test('decodeRegistryAuth() knows that nothing was said', () => {
  for (const value of [undefined, '', header(null), header({}), header({ serveraddress: 'x' })])
    assert.equal(decodeRegistryAuth(value), undefined);
});

test('decodeRegistryAuth() refuses what is not JSON in base64', () => {
  assert.throws(() => decodeRegistryAuth('%%%'), /invalid X-Registry-Auth header/);
  assert.throws(() => decodeRegistryAuth(header({ username: 5 })), /X-Registry-Auth\.username must be a string/);
});
