import assert from 'node:assert/strict';
import { test } from 'node:test';
import { familiarName, formatReference, parseReference, repositoryOf, withDefaultTag } from './reference.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;

test('parseReference() fills in the default registry and the official prefix', () => {
  const cases: [string, string, string][] = [
    ['busybox', 'docker.io/library/busybox', 'busybox'],
    ['docker.io/busybox', 'docker.io/library/busybox', 'busybox'],
    ['index.docker.io/library/busybox', 'docker.io/library/busybox', 'busybox'],
    ['user/app:1.0', 'docker.io/user/app', 'user/app:1.0'],
    ['library/a/b', 'docker.io/library/a/b', 'library/a/b'],
    ['localhost/app', 'localhost/app', 'localhost/app'],
    ['localhost:5000/a/b:x', 'localhost:5000/a/b', 'localhost:5000/a/b:x'],
    ['[::1]:5000/a', '[::1]:5000/a', '[::1]:5000/a'],
    [`quay.io/a__b/c--d@${DIGEST}`, 'quay.io/a__b/c--d', `quay.io/a__b/c--d@${DIGEST}`],
    [`a:t@${DIGEST}`, 'docker.io/library/a', `a:t@${DIGEST}`],
  ];
  for (const [text, repository, familiar] of cases) {
    const reference = parseReference(text);
    assert.equal(repositoryOf(reference), repository, text);
    assert.equal(formatReference(reference), familiar, text);
  }
  assert.equal(familiarName(parseReference('busybox:1')), 'busybox');
  assert.equal(formatReference(withDefaultTag(parseReference('busybox'))), 'busybox:latest');
  assert.equal(formatReference(withDefaultTag(parseReference(`busybox@${DIGEST}`))), `busybox@${DIGEST}`);
});

test('parseReference() refuses what is not a name, in words that clients know', () => {
  for (const text of [
    '',
    ':tag',
    'a:',
    'a:b:c',
    '-a',
    'a//b',
    'a/',
    '/a',
    'a..b',
    'a b',
    'a@sha256:12',
    '../a',
    'a:\u0000',
    'x.y/',
    `a:${'t'.repeat(129)}`,
  ]) {
    assert.throws(() => parseReference(text), /invalid reference format/, JSON.stringify(text));
  }
  assert.throws(() => parseReference('Busybox'), /repository name \(library\/Busybox\) must be lowercase/);
  assert.throws(() => parseReference('ab'.repeat(32)), /64-byte hexadecimal/);
  assert.throws(() => parseReference(`a@sha512:${'ab'.repeat(64)}`), /unsupported digest/);
  assert.throws(() => parseReference(`${'a/'.repeat(200)}b`), /must not be more than 255/);
});
