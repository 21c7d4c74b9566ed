import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { suite, test } from 'node:test';
import { parseReference } from '../reference.ts';
import { matchesRepository, parseTrustPolicy, policyName, ruleFor } from './policy.ts';

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const FILES: Record<string, string> = {
  'a.pub': publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  'a.key': privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  'weak.pub': generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  'odd.pub': generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  'text.pub': 'hello',
};
const parse = (document: unknown) =>
  parseTrustPolicy(typeof document === 'string' ? document : JSON.stringify(document), 'trust.json', (path) => FILES[path] ?? '');
const rule = (over: object) => ({ default: 'accept', rules: [{ repository: 'docker.io/library/*', type: 'accept', ...over }] });

suite('trust policy', () => {
  test('the first rule that matches counts, and the default for what none matches', () => {
    const policy = parse({
      default: 'reject',
      rules: [
        { repository: 'example.org/team/app', type: 'accept' },
        { repository: 'example.org/team/**', type: 'signed', keys: ['a.pub'] },
        { repository: '*:5000/**', type: 'reject' },
      ],
    });
    assert.equal(ruleFor(policy, 'example.org/team/app')?.type, 'accept');
    assert.equal(ruleFor(policy, 'example.org/team/other/deep')?.type, 'signed');
    assert.equal(ruleFor(policy, 'localhost:5000/x')?.type, 'reject');
    assert.equal(ruleFor(policy, 'example.com/x'), undefined);
  });

  const patterns: [pattern: string, repository: string, matches: boolean][] = [
    ['docker.io/library/*', 'docker.io/library/busybox', true],
    ['docker.io/library/*', 'docker.io/library/a/b', false],
    ['docker.io/**', 'docker.io/library/a/b', true],
    ['example.org/team-*', 'example.org/team-a', true],
    ['example.org/team', 'exampleXorg/team', false],
    ['**', 'example.org/a', true],
  ];
  for (const [pattern, repository, matches] of patterns)
    test(`${pattern} ${matches ? 'matches' : 'does not match'} ${repository}`, () =>
      assert.equal(matchesRepository(pattern, repository), matches));

  test('policyName() is the same for all spellings of a repository', () => {
    for (const name of ['busybox', 'library/busybox:1', 'docker.io/library/busybox', 'index.docker.io/library/busybox'])
      assert.equal(policyName(parseReference(name)), 'docker.io/library/busybox');
    assert.equal(policyName(parseReference('Example.ORG:443/a/b')), 'example.org/a/b');
  });

  const mistakes: [document: unknown, message: RegExp][] = [
    ['{', /trust.json is not JSON/],
    [[], /must be a JSON object/],
    [{}, /"default" must be "accept" or "reject"/],
    [{ default: 'signed' }, /"default" must be/],
    [{ default: 'accept', rule: [] }, /unknown key "rule"/],
    [{ default: 'accept', rules: {} }, /"rules" must be a list/],
    [rule({ type: 'allow' }), /rule 1: "type" is "allow"/],
    [rule({ key: 'a.pub' }), /unknown key "key"/],
    [rule({ keys: ['a.pub'] }), /"keys" and "signedAs" belong to "signed" alone/],
    [rule({ type: 'signed' }), /"keys" must list at least one/],
    [rule({ type: 'signed', keys: [] }), /"keys" must list at least one/],
    [rule({ type: 'signed', keys: ['a.key'] }), /a\.key holds a private key/],
    [rule({ type: 'signed', keys: ['weak.pub'] }), /1024 bits, too weak/],
    [rule({ type: 'signed', keys: ['odd.pub'] }), /not supported: secp256k1/],
    [rule({ type: 'signed', keys: ['text.pub'] }), /text\.pub holds no public key/],
    [rule({ repository: 'busybox' }), /not the full name/],
    [rule({ repository: 'team/*' }), /not the full name/],
    [rule({ repository: 'Example.org/*' }), /lower case/],
    [rule({ repository: 'example.org/app:1' }), /not a pattern of repositories/],
    [rule({ repository: '' }), /must be a pattern/],
    [rule({ type: 'signed', keys: ['a.pub'], signedAs: 'app' }), /"signedAs" is "app", not the full name/],
  ];
  for (const [document, message] of mistakes)
    test(`parseTrustPolicy() refuses ${JSON.stringify(document).slice(0, 90)}`, () => assert.throws(() => parse(document), message));
});
