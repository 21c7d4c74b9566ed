import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createPipe, devNull, run, startQuickly } from './index.ts';

const shell = (script: string, descriptors: number[], more = {}) =>
  startQuickly({ program: '/bin/sh', arguments: ['-c', script], environment: { A: 'b' }, descriptors, ...more });

describe('a child started quickly', () => {
  test('has its arguments, environment, directory, descriptors and nothing else, in its own session', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gantry-children-'));
    try {
      const file = join(folder, 'out');
      const out = openSync(file, 'w');
      const child = shell(
        'echo $A; pwd; ls /proc/self/fd | wc -l; cut -d" " -f6 /proc/$$/stat; grep -E "SigIgn|SigBlk" /proc/self/status',
        [devNull(), out, out],
        { directory: '/usr' },
      );
      assert.deepEqual(await child.exit, { code: 0, signal: null });
      closeSync(out);
      const lines = readFileSync(file, 'utf8').trim().split('\n');
      // Those that whoever started us let through are the same for every child.
      const usual = (await run('/bin/sh', ['-c', 'ls /proc/self/fd | wc -l'])).stdout.trim();
      assert.deepEqual(lines.slice(0, 4), ['b', '/usr', usual, String(child.pid)]);
      assert.ok(
        lines.slice(4).every((line) => /\s0+$/.test(line)),
        lines.join(),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('tells the signal or the code that ended it', async () => {
    assert.deepEqual(await shell('exit 7', [devNull()]).exit, { code: 7, signal: null });
    const child = shell('sleep 100', [devNull(), devNull(), devNull()]);
    assert.equal(child.kill('SIGTERM'), true);
    assert.deepEqual(await child.exit, { code: null, signal: 'SIGTERM' });
    assert.equal(child.kill('SIGTERM'), false);
  });

  test('gets descriptors right whose numbers stand in each other’s way', async () => {
    const pipes = [createPipe(), createPipe()];
    const child = shell(
      'read a <&0; echo $a >&1',
      [0, 1, 2].map((_, i) => [pipes[0]?.readEnd, pipes[1]?.writeEnd, devNull()][i] as number),
    );
    openSync('/dev/null', 'r');
    const { writeSync, readSync } = await import('node:fs');
    writeSync(pipes[0]?.writeEnd as number, 'word\n');
    await child.exit;
    const buffer = Buffer.alloc(16);
    assert.equal(buffer.toString('utf8', 0, readSync(pipes[1]?.readEnd as number, buffer)), 'word\n');
    for (const { readEnd, writeEnd } of pipes) [readEnd, writeEnd].forEach(closeSync);
  });

  test('that is not there is named', () => {
    assert.throws(() => startQuickly({ program: '/no/such/program', arguments: [], environment: {}, descriptors: [] }), {
      kind: 'unavailable',
      message: /program is not installed/,
    });
  });
});
