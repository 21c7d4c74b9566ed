import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DetachWatch, ProgressView, parseDetachKeys, progressBar } from './index.ts';

test('parseDetachKeys() reads letters and control keys and names the wrong one', () => {
  assert.deepEqual(parseDetachKeys('ctrl-p,ctrl-q'), [16, 17]);
  assert.deepEqual(parseDetachKeys('a,ctrl-[,ctrl-@'), [97, 27, 0]);
  assert.throws(() => parseDetachKeys('ctrl-p,foo'), /Unknown character: 'foo'/);
});

test('DetachWatch finds the keys across chunks and gives back what was no sequence', () => {
  const watch = new DetachWatch([16, 17]);
  assert.deepEqual(watch.feed(Buffer.from([97, 16])), { data: Buffer.from('a'), detached: false });
  assert.deepEqual(watch.feed(Buffer.from([98])), { data: Buffer.from([16, 98]), detached: false });
  assert.deepEqual(watch.feed(Buffer.from([16, 16, 17, 99])), { data: Buffer.from([16]), detached: true });
});

function view(isTTY: boolean) {
  const written: string[] = [];
  return { written, view: new ProgressView({ write: (text) => void written.push(text), isTTY, columns: 80 }) };
}

test('ProgressView prints one line for each new status where there is no terminal', () => {
  const { written, view: plain } = view(false);
  plain.show({ status: 'Pulling from x', id: 'latest' });
  plain.show({ status: 'Pulling fs layer', id: 'aa', progressDetail: {} });
  plain.show({ status: 'Downloading', id: 'aa', progressDetail: { current: 1, total: 2 } });
  plain.show({ status: 'Pull complete', id: 'aa', progressDetail: {} });
  plain.show({ stream: 'Step 1\n' });
  assert.equal(written.join(''), 'latest: Pulling from x\naa: Pulling fs layer\naa: Pull complete\nStep 1\n');
});

test('ProgressView gives each id its own line on a terminal and redraws it', () => {
  const { written, view: screen } = view(true);
  screen.show({ status: 'Waiting', id: 'aa', progressDetail: {} });
  screen.show({ status: 'Waiting', id: 'bb', progressDetail: {} });
  screen.show({ status: 'Done', id: 'aa', progressDetail: {} });
  assert.equal(written.at(-1), '\x1b[2A\x1b[2K\raa: Done\r\x1b[2B');
});

test('progressBar() drops the bar on a narrow terminal and counts without a total', () => {
  assert.equal(progressBar({ current: 50_000_000, total: 100_000_000 }, 120), `[${'='.repeat(25)}>${' '.repeat(25)}]     50MB/100MB`);
  assert.equal(progressBar({ current: 5000, total: 10000 }, 80), '     5kB/10kB');
  assert.equal(progressBar({ current: 5000 }, 80), '     5kB');
  assert.equal(progressBar({}, 80), '');
});
