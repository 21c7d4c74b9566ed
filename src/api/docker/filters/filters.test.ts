import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ContainerState, freshState } from '../../../model/index.ts';
import { statusText } from '../encode/status.ts';
import { matchesLabels, parseFilters } from './filters.ts';
import { referenceTest } from './images.ts';
import { compilePattern } from './pattern.ts';
import { parseTimestamp } from './timestamps.ts';

describe('parseFilters', () => {
  for (const [text, complaint] of [
    ['label', /invalid filters: 'label' is not JSON/],
    ['[]', /is not an object/],
    ['{"colour":["red"]}', /invalid filter 'colour'/],
    ['{"label":"a"}', /invalid filter 'label'/],
    ['{"label":[1]}', /invalid filter 'label'/],
  ] as const) {
    test(`parseFilters() refuses ${text} and names it`, () => assert.throws(() => parseFilters(text, ['label']), complaint));
  }

  test('parseFilters() reads lists and the maps of old clients', () => {
    assert.deepEqual(parseFilters('{"label":["a","b"]}', ['label']).get('label'), ['a', 'b']);
    assert.deepEqual(parseFilters('{"label":{"a":true,"b":false}}', ['label']).get('label'), ['a']);
  });

  test('boolean() refuses what is neither yes nor no', () => {
    assert.throws(() => parseFilters('{"dangling":["maybe"]}', ['dangling']).boolean('dangling'), /invalid filter 'dangling=maybe'/);
    assert.equal(parseFilters('{"dangling":["1"]}', ['dangling']).boolean('dangling'), true);
  });

  test('matchesLabels() wants every label and none of the unwanted', () => {
    const filters = parseFilters('{"label":["a","b=1"],"label!":["c"]}', ['label', 'label!']);
    assert.equal(matchesLabels(filters, { a: '', b: '1' }), true);
    assert.equal(matchesLabels(filters, { a: '', b: '2' }), false);
    assert.equal(matchesLabels(filters, { a: '', b: '1', c: '' }), false);
  });
});

describe('compilePattern', () => {
  for (const [pattern, text, expected] of [
    ['^we', 'web', true],
    ['^b', 'web', false],
    ['(web|db)-[0-9]+$', 'db-12', true],
  ] as const) {
    test(`compilePattern() finds ${pattern} in ${text}: ${expected}`, () => assert.equal(compilePattern('name', pattern)(text), expected));
  }

  test('compilePattern() stays linear where backtracking would take for ever', () => {
    const long = 'a'.repeat(2000);
    for (const pattern of ['(a+)+$', 'a*a*a*a*a*a*a*a*b', '(a|a)*b']) assert.equal(compilePattern('name', pattern)(`${long}!`), false);
  });

  for (const pattern of ['a(', '(a)\\1', 'a'.repeat(501)]) {
    test(`compilePattern() refuses ${pattern.slice(0, 20)} and names the filter`, () =>
      assert.throws(() => compilePattern('name', pattern), /invalid filter 'name=/));
  }
});

test('referenceTest() lets a star stay within one part of the path', () => {
  assert.equal(referenceTest('busy*')('busybox:latest'), true);
  assert.equal(referenceTest('*:latest')('busybox:latest'), true);
  assert.equal(referenceTest('bench/*')('bench/busybox:1'), true);
  assert.equal(referenceTest('*')('bench/busybox:1'), false);
});

test('parseTimestamp() reads seconds, RFC 3339, dates and durations', () => {
  const now = 1_700_000_000_000;
  assert.equal(parseTimestamp('since', '1700000000.5', now), 1_700_000_000_500_000_000n);
  assert.equal(parseTimestamp('since', '2023-11-14T22:13:20.000000001Z', now), 1_700_000_000_000_000_001n);
  assert.equal(parseTimestamp('since', '2023-11-14', now), 1_699_920_000_000_000_000n);
  assert.equal(parseTimestamp('since', '1m30s', now), 1_699_999_910_000_000_000n);
  assert.throws(() => parseTimestamp('since', 'yesterday', now), /invalid value for since: 'yesterday'/);
});

describe('statusText', () => {
  const now = Date.parse('2026-01-01T12:00:00Z');
  const ago = (seconds: number) => new Date(now - seconds * 1000).toISOString();
  const cases: [Partial<ContainerState>, string][] = [
    [{}, 'Created'],
    [{ status: 'running', startedAt: ago(0.4) }, 'Up Less than a second'],
    [{ status: 'running', startedAt: ago(3), health: { status: 'healthy', failingStreak: 0, log: [] } }, 'Up 3 seconds (healthy)'],
    [
      { status: 'running', startedAt: ago(75), health: { status: 'starting', failingStreak: 0, log: [] } },
      'Up About a minute (health: starting)',
    ],
    [{ status: 'paused', startedAt: ago(3600 * 5) }, 'Up 5 hours (Paused)'],
    [{ status: 'exited', exitCode: 137, finishedAt: ago(120) }, 'Exited (137) 2 minutes ago'],
    [{ status: 'restarting', exitCode: 1, finishedAt: ago(86400 * 16) }, 'Restarting (1) 2 weeks ago'],
  ];
  for (const [patch, expected] of cases) {
    test(`statusText() says "${expected}"`, () => assert.equal(statusText({ ...freshState(), ...patch }, now), expected));
  }
});
