import assert from 'node:assert/strict';
import { test } from 'node:test';
import { binarySize, decimalSize, ellipsis, goTime, humanDuration, quote, shortId } from './index.ts';
import { portsText } from './ports.ts';
import { fullName, parseReference } from './reference.ts';
import { momentQuery } from './when.ts';

test('decimalSize() keeps three digits and steps by 1000', () => {
  assert.deepEqual(
    [0, 999, 1000, 1984256, 999600, 123456789, 5e12].map((n) => decimalSize(n)),
    ['0B', '999B', '1kB', '1.98MB', '1e+03kB', '123MB', '5TB'],
  );
  assert.equal(decimalSize(1984256, 4), '1.984MB');
});

test('binarySize() keeps four digits and steps by 1024', () => {
  assert.deepEqual([708 * 1024, 25276514304, 1023].map(binarySize), ['708KiB', '23.54GiB', '1023B']);
});

test('humanDuration() changes its unit where Docker does', () => {
  const s = 1000;
  const h = 3600 * s;
  const d = 24 * h;
  const given = [0, s, 59 * s, 60 * s, 119 * s, 45 * 60 * s, 60 * 60 * s, 47 * h, 48 * h, 13 * d, 14 * d, 59 * d, 60 * d, 729 * d, 731 * d];
  const wanted = [
    'Less than a second',
    '1 second',
    '59 seconds',
    'About a minute',
    'About a minute',
    '45 minutes',
    'About an hour',
    '47 hours',
    '2 days',
    '13 days',
    '2 weeks',
    '8 weeks',
    '2 months',
    '24 months',
    '2 years',
  ];
  assert.deepEqual(given.map(humanDuration), wanted);
});

test('ellipsis() counts wide characters as two columns', () => {
  assert.deepEqual([ellipsis('abcdef', 4), ellipsis('abcd', 4), ellipsis('日本語', 4), ellipsis('ab', 1)], ['abc…', 'abcd', '日…', 'a']);
});

test('quote() escapes what a terminal would act on', () => {
  assert.equal(quote('a "b"\n\x1b[1m\\'), '"a \\"b\\"\\n\\x1b[1m\\\\"');
});

test('goTime() drops trailing zeros of the fraction', () => {
  assert.equal(goTime('2026-11-22T21:15:39.369570000Z'), '2026-11-22 21:15:39.36957 +0000 UTC');
  assert.equal(goTime('2026-11-22T21:15:39+02:00'), '2026-11-22 21:15:39 +0200 +0200');
});

test('shortId() leaves the algorithm out', () => assert.equal(shortId(`sha256:${'0123456789abcdef'.repeat(4)}`), '0123456789ab'));

test('portsText() draws neighbours together, and IPv4 before IPv6', () => {
  const both = (PrivatePort: number, PublicPort: number) => [
    { IP: '::', PrivatePort, PublicPort, Type: 'tcp' },
    { IP: '0.0.0.0', PrivatePort, PublicPort, Type: 'tcp' },
  ];
  const ports = [
    ...both(100, 100),
    ...both(101, 101),
    ...both(80, 8080),
    { PrivatePort: 300, Type: 'tcp' },
    { PrivatePort: 301, Type: 'tcp' },
  ];
  assert.equal(
    portsText(ports),
    '0.0.0.0:100-101->100-101/tcp, [::]:100-101->100-101/tcp, 300-301/tcp, 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp',
  );
});

test('parseReference() finds registry, tag and digest', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  assert.deepEqual(parseReference('busybox'), { familiar: 'busybox', registry: 'docker.io' });
  assert.deepEqual(parseReference('docker.io/library/busybox:1'), { familiar: 'busybox', registry: 'docker.io', tag: '1' });
  assert.deepEqual(parseReference(`localhost:5000/a/b:c@${digest}`), {
    familiar: 'localhost:5000/a/b',
    registry: 'localhost:5000',
    tag: 'c',
    digest,
  });
  assert.equal(fullName(parseReference('team/app')), 'team/app:latest');
  assert.throws(() => parseReference('team/Upper'), /must be lowercase/);
  for (const wrong of ['', 'a b', 'a:', '-a', 'a//b', 'a@sha256:xyz'])
    assert.throws(() => parseReference(wrong), /invalid reference format/);
});

test('momentQuery() takes times in whole and in part, seconds, and lengths of time before now', () => {
  const now = Date.UTC(2026, 0, 2, 3, 4, 5);
  assert.equal(momentQuery('2026-01-02T03:04:05.5Z', now), `${now / 1000}.500000000`);
  assert.equal(momentQuery('1m30s', now), `${now / 1000 - 90}.000000000`);
  assert.equal(momentQuery('1700000000.25', now), '1700000000.25');
  assert.equal(momentQuery('2026-01-02T03:04Z', now), `${now / 1000 - 5}.000000000`);
  assert.equal(momentQuery('', now), undefined);
  assert.throws(
    () => momentQuery('yesterday', now, 'since'),
    /invalid value for "since": failed to parse value as time or duration: "yesterday"/,
  );
});
