import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bool, bytes, closest, csv, filter, int, list, parseDuration, parseFlags, parseSize, splitCsv, text } from './index.ts';

const specs = [
  bool('interactive', '', { short: 'i' }),
  bool('tty', '', { short: 't' }),
  list('env', '', { short: 'e' }),
  text('name', ''),
  int('tail', '', { short: 'n', default: '-1' }),
  bytes('memory', '', { short: 'm' }),
  csv('subnet', ''),
  filter('filter', '', { short: 'f' }),
  bool('pause', '', { default: 'true' }),
];

test('parseFlags() reads clusters, joined values and repeated flags', () => {
  const { flags, args } = parseFlags(specs, ['-ite', 'A=1', '-eB=2', '--env=C=3', '--name', 'x', '-n5', 'image']);
  assert.deepEqual(
    [flags.bool('interactive'), flags.bool('tty'), flags.list('env'), flags.text('name'), flags.number('tail'), args],
    [true, true, ['A=1', 'B=2', 'C=3'], 'x', 5, ['image']],
  );
});

test('parseFlags() leaves flags after the first argument to the container when asked', () => {
  const words = ['-t', 'image', 'ls', '-i', '--name=y'];
  assert.deepEqual(parseFlags(specs, words, { stopAtArgument: true }).args, ['image', 'ls', '-i', '--name=y']);
  assert.equal(parseFlags(specs, words).flags.text('name'), 'y');
});

test('parseFlags() ends flags at -- and takes - as an argument', () => {
  assert.deepEqual(parseFlags(specs, ['-', '--', '-t', '--name']).args, ['-', '-t', '--name']);
});

test('parseFlags() tells a flag given from one left at its default', () => {
  const { flags } = parseFlags(specs, ['--pause=false']);
  assert.deepEqual([flags.given('pause'), flags.bool('pause'), flags.given('tail'), flags.number('tail')], [true, false, false, -1]);
});

test('parseFlags() names the flag and the value at fault in the words of Docker', () => {
  const failure = (words: string[]) => {
    try {
      parseFlags(specs, words);
    } catch (error) {
      return (error as Error).message;
    }
    return 'no failure';
  };
  assert.equal(failure(['-m', 'abc']), `invalid argument "abc" for "-m, --memory" flag: invalid size: 'abc'`);
  assert.equal(failure(['-f', 'x']), 'invalid argument "x" for "-f, --filter" flag: bad format of filter (expected name=value)');
  assert.equal(failure(['--name']), 'flag needs an argument: --name');
  assert.equal(failure(['-itz']), "unknown shorthand flag: 'z' in -z");
  assert.equal(failure(['--nmae', 'x']), 'unknown flag: --nmae\nDid you mean --name?');
});

test('parseSize() counts in powers of 1024 and refuses what is no size', () => {
  assert.deepEqual(['1', '1b', '1k', '1KB', '1.5g', '2GiB', '.5m'].map(parseSize), [1, 1, 1024, 1024, 1610612736, 2147483648, 524288]);
  for (const wrong of ['', 'm', '-1', '1x', '1 000']) assert.throws(() => parseSize(wrong), /invalid size/);
});

test('parseDuration() gives nanoseconds and asks for a unit', () => {
  assert.deepEqual(['0', '1m30s', '1.5h', '250ms', '-2us'].map(parseDuration), [0, 90e9, 5400e9, 250e6, -2000]);
  assert.throws(() => parseDuration('5'), /missing unit/);
  assert.throws(() => parseDuration('5 s'), /invalid duration/);
});

test('splitCsv() keeps commas inside quotes', () => {
  assert.deepEqual(splitCsv('a,"b,""c""",d='), ['a', 'b,"c"', 'd=']);
  assert.throws(() => splitCsv('a,"b'));
});

test('closest() suggests near words only', () => {
  assert.equal(closest('imagse', ['images', 'image', 'ps']), 'images');
  assert.equal(closest('strat', ['start', 'stats', 'stop']), 'start');
  assert.equal(closest('foo', ['top', 'ps']), undefined);
});
