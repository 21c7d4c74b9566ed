import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isKind } from '../../base/index.ts';
import { formatPlatform, hostPlatform, matchPlatform, parsePlatform } from './platform.ts';

const host = { os: 'linux', architecture: 'amd64' };

test('parsePlatform() knows the usual spellings', () => {
  const cases = {
    'linux/amd64': 'linux/amd64',
    'linux/x86_64': 'linux/amd64',
    aarch64: 'linux/arm64',
    'linux/arm/v6': 'linux/arm/v6',
    'linux/arm/7': 'linux/arm/v7',
    armhf: 'linux/arm/v7',
    linux: 'linux/amd64',
    'Linux/ARM64/V8': 'linux/arm64/v8',
  };
  for (const [text, expected] of Object.entries(cases)) assert.equal(formatPlatform(parsePlatform(text, host)), expected, text);
  for (const text of ['', 'a/b/c/d', 'linux/', 'linux/am d64'])
    assert.throws(
      () => parsePlatform(text, host),
      (error) => isKind(error, 'invalid'),
      text,
    );
  assert.equal(hostPlatform('x64').architecture, 'amd64');
});

test('matchPlatform() takes the highest variant that is not above the wanted one', () => {
  const match = (wanted: string, offered: string) => matchPlatform(parsePlatform(wanted, host), parsePlatform(offered, host));
  assert.equal(match('linux/amd64', 'linux/arm64'), 0);
  assert.ok(match('linux/arm64', 'linux/arm64/v8') > 0);
  assert.ok(match('linux/arm/v7', 'linux/arm/v6') > match('linux/arm/v7', 'linux/arm/v5'));
  assert.equal(match('linux/arm/v6', 'linux/arm/v7'), 0);
  assert.equal(match('linux/amd64', 'linux/amd64/v3'), 0);
});
