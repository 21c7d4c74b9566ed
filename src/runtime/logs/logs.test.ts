import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, test } from 'node:test';
import { parseNanoseconds, systemClock } from '../../base/index.ts';
import type { LogRequest } from '../runtime.ts';
import { type LogSource, logBytes, logPolicy, readLog, removeLog, rotateIfNeeded } from './index.ts';

const clock = systemClock();
const ended: LogSource = { live: () => false, onChange: () => () => {} };

/** A line as conmon writes it, `second` seconds after a fixed minute. */
function line(second: number, text: string, stream = 'stdout', tag = 'F'): string {
  return `2026-03-01T10:00:${String(second).padStart(2, '0')}.000000000+00:00 ${stream} ${tag} ${text}\n`;
}
const at = (second: number) => parseNanoseconds(`2026-03-01T10:00:${String(second).padStart(2, '0')}Z`) ?? 0n;

describe('a log', () => {
  let directory: string;
  let current: string;
  // The reader's own timers keep no process alive; a daemon's listeners do.
  const awake = setInterval(() => {}, 1000);
  after(() => clearInterval(awake));
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'gantry-log-'));
    current = join(directory, 'container.log');
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  async function read(options: Partial<LogRequest> = {}, source = ended): Promise<string> {
    const chunks: Uint8Array[] = [];
    const request = { id: 'x', framing: 'raw' as const, stdout: true, stderr: true, timestamps: false, follow: false, ...options };
    for await (const chunk of readLog(directory, request, source, clock, AbortSignal.timeout(10_000))) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks).toString('latin1');
  }

  test('has a frame for each line with its stream and length', async () => {
    writeFileSync(current, line(1, 'out') + line(2, 'err', 'stderr'));
    assert.equal(await read({ framing: 'multiplexed' }), '\x01\0\0\0\0\0\0\x04out\n\x02\0\0\0\0\0\0\x04err\n');
    assert.equal(await read({ stdout: false }), 'err\n');
    assert.equal(await read({ stderr: false }), 'out\n');
  });

  test('joins the parts of a long line, and dates it once', async () => {
    const long = 'a'.repeat(8192);
    writeFileSync(current, line(1, long, 'stdout', 'P') + line(1, 'between', 'stderr') + line(2, 'tail') + line(3, 'next'));
    assert.equal(await read({ stderr: false }), `${long}tail\nnext\n`);
    assert.equal(
      await read({ stderr: false, timestamps: true }),
      `2026-03-01T10:00:01.000000000Z ${long}tail\n2026-03-01T10:00:03.000000000Z next\n`,
    );
  });

  test('puts details between the time and the text', async () => {
    writeFileSync(current, line(1, 'text'));
    assert.equal(await read({ timestamps: true, detailsPrefix: 'a=b' }), '2026-03-01T10:00:01.000000000Z a=b text\n');
  });

  const numbered = Array.from({ length: 9 }, (_, i) => line(i + 1, String(i + 1))).join('');
  const selections: [string, Partial<LogRequest>, string][] = [
    ['since a moment, inclusive', { since: at(8) }, '8\n9\n'],
    ['until a moment, inclusive', { until: at(2) }, '1\n2\n'],
    ['between two', { since: at(4), until: at(5) }, '4\n5\n'],
    ['the newest lines', { tail: 2 }, '8\n9\n'],
    ['no old lines', { tail: 0 }, ''],
    ['more than there are', { tail: 100 }, '1\n2\n3\n4\n5\n6\n7\n8\n9\n'],
    ['the newest lines after a moment', { tail: 3, since: at(8) }, '8\n9\n'],
  ];
  for (const [what, options, expected] of selections) {
    test(`can be read for ${what}`, async () => {
      writeFileSync(current, numbered);
      assert.equal(await read(options), expected);
    });
  }

  test('is read across rotated files, backwards too', async () => {
    writeFileSync(`${current}.00000001`, line(1, '1') + line(2, '2'));
    writeFileSync(`${current}.00000002`, line(3, '3'));
    writeFileSync(current, line(4, '4') + line(5, '5'));
    assert.equal(await read(), '1\n2\n3\n4\n5\n');
    assert.equal(await read({ tail: 4 }), '2\n3\n4\n5\n');
    assert.equal(await read({ tail: 3 }), '3\n4\n5\n');
    assert.ok((await logBytes(directory)) >= line(1, '1').length * 5);
    await removeLog(directory);
    assert.deepEqual(readdirSync(directory), []);
  });

  test('finds the tail far behind long lines and many of them', async () => {
    const parts = Array.from({ length: 40 }, (_, i) => line(i, 'p'.repeat(8000), 'stdout', 'P')).join('');
    writeFileSync(current, `${line(1, 'first')}${parts}${line(50, 'end')}${line(51, 'last')}`);
    assert.equal((await read({ tail: 1 })).length, 5);
    assert.equal((await read({ tail: 2 })).length, 40 * 8000 + 4 + 5);
    assert.equal((await read({ tail: 3 })).length, 6 + 40 * 8000 + 4 + 5);
  });

  test('goes on behind a line that a full disk cut off', async () => {
    writeFileSync(current, `${line(1, 'a')}2026-03-01T10:0\n${line(2, 'b')}`);
    assert.equal(await read(), 'a\nb\n');
  });

  test('is followed to the end of the container, through rotations', async () => {
    writeFileSync(current, line(0, 'begin'));
    let live = true;
    const listeners = new Set<() => void>();
    const source: LogSource = { live: () => live, onChange: (listener) => (listeners.add(listener), () => listeners.delete(listener)) };
    const following = read({ follow: true }, source);
    let expected = 'begin\n';
    for (let i = 0; i < 300; i += 1) {
      appendFileSync(current, line(i % 60, `n${i}`));
      expected += `n${i}\n`;
      if (i % 50 === 25) {
        // What a rotation does, step by step: conmon goes on writing to the renamed file for a while.
        const rotated = `${current}.${String(i).padStart(8, '0')}`;
        renameSync(current, rotated);
        await clock.sleep(3);
        appendFileSync(rotated, line(i % 60, `late${i}`));
        expected += `late${i}\n`;
        writeFileSync(`${current}.tmp`, '');
        renameSync(`${current}.tmp`, current);
      }
      if (i % 20 === 0) await clock.sleep(i === 200 ? 80 : 2);
    }
    await clock.sleep(60);
    live = false;
    for (const listener of listeners) listener();
    assert.equal(await following, expected);
    assert.equal(listeners.size, 0);
  });

  test('is rotated once it is large, and keeps as many files as asked', async () => {
    const policy = { maximumSize: 100, maximumFiles: 3 };
    let reopened = 0;
    const reopen = async () => {
      reopened += 1;
      writeFileSync(current, '');
    };
    writeFileSync(current, 'small');
    assert.equal(await rotateIfNeeded(directory, policy, false, reopen), 'unchanged');
    for (let i = 0; i < 5; i += 1) {
      writeFileSync(current, 'x'.repeat(100));
      assert.equal(await rotateIfNeeded(directory, policy, false, reopen), 'reopening');
    }
    await rotateIfNeeded(directory, policy, false, reopen);
    assert.deepEqual(readdirSync(directory).sort(), ['container.log', 'container.log.00000004', 'container.log.00000005']);
    assert.equal(reopened, 5);
  });

  test('asks conmon once for a new file, and again only for one that a dead daemon forgot', async () => {
    let reopened = 0;
    const reopen = async () => void (reopened += 1);
    writeFileSync(`${current}.00000001`, 'x');
    assert.equal(await rotateIfNeeded(directory, { maximumSize: 10, maximumFiles: 2 }, true, reopen), 'reopening');
    assert.equal(reopened, 0);
    await rotateIfNeeded(directory, { maximumSize: 10, maximumFiles: 2 }, false, reopen);
    assert.equal(reopened, 1);
  });
});

describe('log options', () => {
  const policies: [string, Parameters<typeof logPolicy>[0], number, number][] = [
    ['half a GiB by default', { driver: 'json-file', options: {} }, 64 << 20, 8],
    ['sizes with units', { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } }, 10 << 20, 3],
    ['one file where only the size is given', { driver: 'json-file', options: { 'max-size': '1k' } }, 1024, 1],
    ['five files of the local driver', { driver: 'local', options: { 'max-size': '1g' } }, 1 << 30, 5],
    ['no bound', { driver: 'json-file', options: { 'max-size': '-1' } }, Number.POSITIVE_INFINITY, 8],
  ];
  for (const [what, log, size, files] of policies) {
    test(`mean ${what}`, () => assert.deepEqual(logPolicy(log), { enabled: true, maximumSize: size, maximumFiles: files }));
  }

  const refused: [Record<string, string>, RegExp][] = [
    [{ 'max-size': 'big' }, /invalid value for max-size: big/],
    [{ 'max-file': '0' }, /max-file cannot be less than 1/],
    [{ compress: 'true' }, /'compress' is not supported/],
    [{ colour: 'red' }, /unknown log opt 'colour' for local log driver/],
  ];
  for (const [options, message] of refused) {
    test(`refuse ${Object.keys(options)[0]}=${Object.values(options)[0]} by name`, () =>
      assert.throws(() => logPolicy({ driver: 'local', options }), { message }));
  }
});
