import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRegistryOptions } from './options.ts';

const file = (document: unknown) => () => JSON.stringify(document);

test('flags and the file give the same settings, and one in both places is refused', () => {
  const flags = [
    '--quota',
    '1GiB',
    '--quota',
    'repository=10MiB',
    '--quota',
    'team/=500k',
    '--gc-lease',
    '30m',
    '--keep-untagged',
    '7d',
    '--allow-delete',
  ];
  const document = {
    quota: { total: '1GiB', repository: '10MiB', 'team/': '500k' },
    'gc-lease': '30m',
    'keep-untagged': '7d',
    'allow-delete': true,
  };
  const fromFlags = parseRegistryOptions(flags);
  assert.deepEqual(parseRegistryOptions(['--config', 'x'], file(document)), fromFlags);
  assert.deepEqual(fromFlags?.quotas, { total: 2 ** 30, repository: 10 * 2 ** 20, named: { 'team/': 512_000 } });
  assert.deepEqual(fromFlags?.retention, { lease: 1_800_000, uploads: 86_400_000, untagged: 604_800_000 });
  assert.throws(
    () => parseRegistryOptions(['--config', 'x', '--gc-lease', '1h'], file(document)),
    /"gc-lease" is given both as a flag and in x/,
  );
});

const faults: [args: string[], document: unknown, message: RegExp][] = [
  [['--nope'], undefined, /nope/],
  [['--config', 'x'], { color: 1 }, /a key that is not known: color/],
  [['--quota', 'much'], undefined, /--quota much is not a size/],
  [['--gc-lease', 'soon'], undefined, /--gc-lease soon is not a time/],
  [['--tls-cert', '/c'], undefined, /go together/],
  [['--webhook', 'ftp://x'], undefined, /not an http\(s\) URL/],
  [['--root', 'here'], undefined, /must be an absolute path/],
  [['--config', 'x'], { webhook: [{ url: 'http://x/', token: 1 }] }, /a webhook has a key that is not known: token/],
];
for (const [args, document, message] of faults) {
  test(`settings are refused by name: ${args.join(' ')} ${JSON.stringify(document) ?? ''}`, () => {
    assert.throws(() => parseRegistryOptions(args, file(document)), message);
  });
}
