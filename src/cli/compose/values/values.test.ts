import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { BadLine, parseRawVariables, parseVariables } from './dotenv.ts';
import { BadVariable, interpolate } from './interpolate.ts';
import { splitWords } from './words.ts';

const known: Record<string, string> = { A: 'a', EMPTY: '', PORT: '8080' };
const lookup = (name: string) => known[name];

suite('interpolate()', () => {
  for (const [text, made] of [
    ['plain', 'plain'],
    ['$A-${A}_$$A', 'a-a_$A'],
    ['$A_', ''],
    ['${EMPTY-x}|${EMPTY:-x}|${NONE-x}|${NONE:-x}', '|x|x|x'],
    ['${A:+y}|${EMPTY:+y}|${EMPTY+y}|${NONE+y}', 'y||y|'],
    ['${NONE:-${EMPTY:-${A}}}', 'a'],
    ['${NONE:-a$$b}', 'a$b'],
    ['${NONE}', ''],
    ['${A:?must}', 'a'],
    ['${A:-${NONE:?never asked}}', 'a'],
    ['${PORT:-80}:80', '8080:80'],
    ['${NONE:-a:b/c-d}', 'a:b/c-d'],
  ] as const)
    test(`${text} is ${JSON.stringify(made)}`, () => assert.equal(interpolate(text, lookup), made));

  for (const [text, at, message] of [
    ['x${NONE:?give it}', 1, /NONE is required: give it/],
    ['${EMPTY:?}', 0, /EMPTY is required/],
    ['a$', 1, /lone dollar/],
    ['${A', 0, /lacks its closing brace/],
    ['${A:-x', 0, /lacks its closing brace/],
    ['${NONE:-x', 0, /lacks its closing brace/],
    ['${1A}', 0, /is not a variable/],
    ['${A b}', 0, /is not a variable/],
  ] as const)
    test(`${text} is refused`, () =>
      assert.throws(
        () => interpolate(text, lookup),
        (error) => error instanceof BadVariable && error.at === at && message.test(error.message),
      ));

  test('variables that are not set are told', () => {
    const told: string[] = [];
    interpolate('$NONE ${A} ${NONE:-x} ${OTHER}', lookup, (name) => told.push(name));
    assert.deepEqual(told, ['NONE', 'OTHER']);
  });
});

suite('files of variables', () => {
  test('quotes, comments, exports, escapes, lines and variables', () => {
    const text = `# head
export ONE=1
TWO = two words # tail
THREE="a\\n\\"b\\" $ONE #no"
FOUR='$ONE \\n'
FIVE="first
second"
SIX: yaml
SEVEN=a#b
EMPTY=
PORT
UNSET
EIGHT=$FOUR
`;
    assert.deepEqual(
      [...parseVariables(text, lookup)],
      [
        ['ONE', '1'],
        ['TWO', 'two words'],
        ['THREE', 'a\n"b" 1 #no'],
        ['FOUR', '$ONE \\n'],
        ['FIVE', 'first\nsecond'],
        ['SIX', 'yaml'],
        ['SEVEN', 'a#b'],
        ['EMPTY', ''],
        ['PORT', '8080'],
        ['EIGHT', '$ONE \\n'],
      ],
    );
  });

  test('what is around wins over earlier lines', () => assert.equal(parseVariables('A=b\nC=$A', lookup).get('C'), 'a'));
  test('a wrong line is named by its number', () => {
    for (const [text, line] of [
      ['A=1\n=2', 2],
      ['A=1\nB="x\n', 2],
      ['A=${B', 1],
    ] as const)
      assert.throws(
        () => parseVariables(text, () => undefined),
        (error) => error instanceof BadLine && error.line === line,
      );
  });
  test('raw lines stay as they are', () =>
    assert.deepEqual(
      [...parseRawVariables('A="x" # y\n#B=1\nC=$D\r\n')],
      [
        ['A', '"x" # y'],
        ['C', '$D'],
      ],
    ));
});

suite('splitWords()', () => {
  for (const [text, words] of [
    ['a  b', ['a', 'b']],
    [`sh -c 'echo "x y"'`, ['sh', '-c', 'echo "x y"']],
    ['a "" b\\ c "d\\"e\\n"', ['a', '', 'b c', 'd"e\\n']],
    ['', []],
  ] as const)
    test(JSON.stringify(text), () => assert.deepEqual(splitWords(text), words));
  test('refuses an open quote', () => assert.throws(() => splitWords('a "b'), /not closed/));
});
