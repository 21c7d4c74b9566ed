import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { systemClock } from '../../base/index.ts';
import { boundLog, planCut } from './cut.ts';
import { readLog } from './reader.ts';

const MEBIBYTE = 1 << 20;

suite('a log that has passed its bound', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'gantry-cut-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  /** So many lines, numbered from `first` on, as conmon writes them. */
  const write = (name: string, first: number, count: number) =>
    writeFileSync(
      join(directory, name),
      Array.from({ length: count }, (_, i) => `2026-01-01T00:00:00.000000000+00:00 stdout F ${first + i}\n`).join(''),
    );
  async function lines(): Promise<string[]> {
    const request = { framing: 'raw', stdout: true, stderr: true, timestamps: false, follow: false } as const;
    const chunks: Uint8Array[] = [];
    const source = { live: () => false, onChange: () => () => undefined };
    for await (const chunk of readLog(directory, { id: 'x', ...request }, source, systemClock(), new AbortController().signal))
      chunks.push(chunk);
    return Buffer.concat(chunks).toString().trimEnd().split('\n');
  }
  const total = () => readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);

  test('planCut() keeps the newest bytes', () => {
    assert.deepEqual(planCut([10, 10, 10], 100), [10, 10, 10]);
    assert.deepEqual(planCut([10, 10, 10], 25), [5, 10, 10]);
    assert.deepEqual(planCut([10, 10, 10], 8), [0, 0, 8]);
    assert.deepEqual(planCut([], 8), []);
  });

  for (const [what, bound, count] of [
    ['large files, where they are', 3 * MEBIBYTE, 200_000],
    ['small files, by a copy', 100_000, 10_000],
  ] as const) {
    test(`loses its oldest lines and none of the others: ${what}`, async () => {
      write('container.log.00000001', 0, 10);
      write('container.log.00000002', 10, count);
      write('container.log', 10 + count, 5);
      await boundLog(directory, { maximumSize: bound, maximumFiles: 1 }, 'current');
      assert.ok(!existsSync(join(directory, 'container.log.00000001')));
      assert.ok(total() <= bound + MEBIBYTE + 1000, `${total()}`);
      const left = await lines();
      const first = Number(left[0]);
      assert.ok(first > 10 && left.length > 1000);
      assert.deepEqual(
        left,
        Array.from({ length: 15 + count - first }, (_, i) => `${first + i}`),
      );
    });
  }

  test('keeps what is being written to, also what was renamed a moment ago', async () => {
    for (const [name, first] of [
      ['container.log.00000001', 0],
      ['container.log.00000002', 1000],
      ['container.log', 2000],
    ] as const)
      write(name, first, 1000);
    await boundLog(directory, { maximumSize: 10_000, maximumFiles: 2 }, 'renamed');
    assert.deepEqual(readdirSync(directory), ['container.log', 'container.log.00000002']);
    assert.equal((await lines()).length, 2000);
    await boundLog(directory, { maximumSize: 10_000, maximumFiles: 2 }, 'current');
    assert.deepEqual(readdirSync(directory), ['container.log']);
  });

  test('is cut in its last file too when nobody writes to it any more, and left alone within the bound', async () => {
    write('container.log', 0, 1000);
    await boundLog(directory, { maximumSize: 60_000, maximumFiles: 1 }, 'none');
    assert.equal((await lines()).length, 1000);
    await boundLog(directory, { maximumSize: 10_000, maximumFiles: 1 }, 'none');
    const left = await lines();
    assert.equal(left.at(-1), '999');
    assert.ok(left.length > 100 && left.length < 300, `${left.length}`);
    await boundLog(directory, { maximumSize: Number.POSITIVE_INFINITY, maximumFiles: 1 }, 'none');
    assert.deepEqual(readdirSync(directory), ['container.log']);
  });
});
