import assert from 'node:assert/strict';
import { test } from 'node:test';
import { layOut } from './columns.ts';

test('layOut() gives each column its widest cell and three blanks, ten at least', () => {
  assert.equal(layOut('A\tBB\tC\nlonger than ten\tx\ty\n'), 'A                 BB        C\nlonger than ten   x         y\n');
});

test('layOut() leaves the last cell without padding and keeps an empty one', () => {
  assert.equal(layOut('NAME\tPORTS\nweb\t\n'), 'NAME      PORTS\nweb       \n');
});

test('layOut() ends a column at a line that does not have it', () => {
  assert.equal(layOut('long long cell\tx\nno tabs\na\tb\n'), 'long long cell   x\nno tabs\na         b\n');
});

test('layOut() cuts long text columns to the terminal and leaves ids and names whole', () => {
  const text = 'CONTAINER ID\tCOMMAND\tNAMES\n0123456789ab\t"sh -c \'a very long command line\'"\ta-name-that-is-also-quite-long\n';
  const lines = layOut(text, { terminalWidth: 64 }).trimEnd().split('\n');
  for (const line of lines) assert.ok(line.length <= 64, line);
  assert.match(lines[1] ?? '', /0123456789ab {3}"sh -c '.*… {3}a-name-that-is-also-quite-long$/);
});

test('layOut() counts characters, not bytes', () => {
  assert.equal(layOut('ééééééééé\tb\nx\ty\n'), 'ééééééééé   b\nx           y\n');
});
