import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { expandWord, expandWords } from './expand.ts';

const variables = new Map([
  ['A', 'one'],
  ['EMPTY', ''],
  ['PATHS', '/usr/lib/x.tar.gz'],
  ['LETTERS', 'a.b.a'],
]);
const expand = (text: string) => expandWord(text, variables, { escape: '\\' }).text;

suite('expandWord()', () => {
  const table: [string, string][] = [
    ['$A${A}x', 'oneonex'],
    ['$AB', ''],
    ['\\$A', '$A'],
    ["'$A'", '$A'],
    ['"$A \\" \\x"', 'one " \\x'],
    ['${NO:-d}${NO-d}${EMPTY:-d}${EMPTY-d}', 'ddd'],
    ['${A:+y}${NO:+y}${EMPTY+y}${EMPTY:+y}', 'yy'],
    ['${NO:-${A}}', 'one'],
    ['${PATHS#*/}', 'usr/lib/x.tar.gz'],
    ['${PATHS##*/}', 'x.tar.gz'],
    ['${PATHS%.*}', '/usr/lib/x.tar'],
    ['${PATHS%%.*}', '/usr/lib/x'],
    ['${LETTERS/a/z}', 'z.b.a'],
    ['${LETTERS//a/z}', 'z.b.z'],
    ['${LETTERS//?/-}', '-----'],
    ['${PATHS/\\/usr/}', '/lib/x.tar.gz'],
    ['$', '$'],
    ['a$ b', 'a$ b'],
  ];
  for (const [text, wanted] of table) test(`${text} is ${wanted || 'nothing'}`, () => assert.equal(expand(text), wanted));

  const wrong: [string, RegExp][] = [
    ['${', /syntax error: missing '}'/],
    ['${A:-x', /syntax error: missing '}'/],
    ['${}', /bad substitution/],
    ['${A!x}', /unsupported modifier \(!\) in substitution/],
    ['${NO:?say why}', /NO: say why/],
    ['${EMPTY:?}', /EMPTY: is not allowed to be empty/],
    ['"x', /looking for matching double-quote/],
    ['${A:-'.repeat(5000), /nested too deeply/],
  ];
  for (const [text, message] of wrong) test(`${text.slice(0, 20)} is an error`, () => assert.throws(() => expand(text), message));

  test('tells which variables were used and which are missing', () => {
    const { used, missing } = expandWord('$A$B', variables, { escape: '\\' });
    assert.deepEqual([[...used], [...missing]], [['A'], ['B']]);
  });

  test('is not slowed down by patterns', () => {
    const begun = performance.now();
    const value = new Map([['V', 'a'.repeat(20_000)]]);
    assert.equal(expandWord(`\${V##${'*a'.repeat(50)}b}`, value, { escape: '\\' }).text.length, 20_000);
    assert.ok(performance.now() - begun < 3000);
  });
});

test('expandWords() splits what variables hold, but not what is quoted', () => {
  const values = new Map([['P', '80 81']]);
  assert.deepEqual(expandWords('$P "a b" c', values, { escape: '\\' }), ['80', '81', 'a b', 'c']);
});
