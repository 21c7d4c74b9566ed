import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { DockerfileError } from '../errors.ts';
import { drawExcerpt } from './excerpt.ts';
import { parseDockerfile } from './parse.ts';

const parse = (text: string) => parseDockerfile(Buffer.from(text));
const failure = (text: string): DockerfileError => {
  try {
    parse(text);
  } catch (error) {
    assert.ok(error instanceof DockerfileError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: `parses: ${text}` });
};

suite('parseDockerfile()', () => {
  test('joins continued lines, leaves comments out, and keeps the range of lines', () => {
    const { stages, emptyContinuations } = parse('\ufeffFROM x AS B\r\nRUN a \\\r\n# no\r\n\r\n  b\r\n');
    const [run] = stages[0]!.instructions;
    assert.equal(stages[0]!.name, 'b');
    assert.deepEqual(run?.name === 'RUN' && run.command, { shell: true, text: 'a   b' });
    assert.deepEqual(run?.range, { start: 2, end: 5 });
    assert.deepEqual(emptyContinuations, [5]);
  });

  test('reads several here-documents of a line, quoted and with tabs', () => {
    const [copy] = parse('FROM x\nCOPY <<A <<-"B" c /d/\n$x\nA\n\ty\n\tB\n').stages[0]!.instructions;
    assert.ok(copy?.name === 'COPY');
    assert.deepEqual(copy.heredocs, [
      { name: 'A', content: '$x\n', expand: true, chomp: false },
      { name: 'B', content: 'y\n', expand: false, chomp: true },
    ]);
    assert.deepEqual([copy.sources, copy.destination, copy.range], [['c'], '/d/', { start: 2, end: 6 }]);
  });

  test('takes directives at the top only', () => {
    const file = parse('# syntax=a/b:1\n# escape=`\n# check=skip=A,B;error=true\nFROM x\nRUN a `\n b\n');
    assert.deepEqual([file.syntax, file.escape, file.check.skip, file.check.error], ['a/b:1', '`', ['A', 'B'], true]);
    assert.equal(parse('# hello\n# escape=`\nFROM x\n').escape, '\\');
  });

  const wrong: [string, string, RegExp, number | undefined][] = [
    ['nothing', '', /the Dockerfile cannot be empty/, undefined],
    ['comments only', '# a\n', /^file with no instructions$/, 1],
    ['an unknown word', 'FROM x\nRUNX y', /^dockerfile parse error on line 2: unknown instruction: RUNX \(did you mean RUN\?\)$/, 2],
    ['no FROM', 'RUN x', /no build stage in current context/, 1],
    ['an unknown flag', 'FROM x\nCOPY --form=a b c', /line 2: unknown flag: --form \(did you mean from\?\)/, 2],
    ['a flag twice', 'FROM x\nCOPY --from=a --from=b c d', /duplicate flag specified: --from/, 2],
    ['one argument', 'FROM x\nCOPY a', /COPY requires at least two arguments, but only one was provided/, 2],
    ['mixed JSON', 'FROM x\nCMD ["a", 1]', /when using JSON array syntax, arrays must be comprised of strings only/, 2],
    ['a half ENV', 'FROM x\nENV a=1 b', /Syntax error - can't find = in "b"\. Must be of the form: name=value/, 2],
    ['an open here-document', 'FROM x\nRUN <<E\na\n', /^unterminated heredoc$/, 2],
    ['ONBUILD ONBUILD', 'FROM x\nONBUILD ONBUILD RUN a', /Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed/, 2],
    ['ONBUILD FROM', 'FROM x\nONBUILD FROM a', /FROM isn't allowed as an ONBUILD trigger/, 2],
    ['a bad stage name', 'FROM x AS 1a', /invalid name for build stage: "1a", name can't start with a number/, 1],
    ['a short interval', 'FROM x\nHEALTHCHECK --interval=1us CMD a', /Interval "interval" cannot be less than 1ms/, 2],
    ['a directive twice', '# escape=`\n# escape=`\nFROM x', /only one escape parser directive can be used/, 2],
    ['a long line', `FROM x\nRUN ${'a'.repeat(70_000)}`, /dockerfile line greater than max allowed size of 65535/, 2],
  ];
  for (const [what, text, message, line] of wrong)
    test(`refuses ${what}`, () => {
      const error = failure(text);
      assert.match(error.message, message);
      assert.equal(error.ranges[0]?.start, line);
      assert.equal(error.source?.filename, 'Dockerfile');
    });

  test('throws nothing but DockerfileErrors, and quickly, whatever it is given', () => {
    const pieces = [
      'FROM x\n',
      'RUN ',
      '<<E ',
      '\\\n',
      '"',
      "'",
      '$',
      '${',
      '}',
      '[',
      ']',
      ',',
      '--mount=',
      '=',
      '\0',
      '\xff',
      'ONBUILD ',
      '# ',
      'é',
      '\n',
      ' ',
      'E\n',
      'ENV ',
      'COPY ',
    ];
    let seed = 7;
    const next = () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) >> 8;
    const begun = performance.now();
    for (let round = 0; round < 2000; round++) {
      const text = `FROM x\n${Array.from({ length: next() % 30 }, () => pieces[next() % pieces.length]).join('')}`;
      try {
        parse(text);
      } catch (error) {
        assert.ok(error instanceof DockerfileError, `${JSON.stringify(text)}: ${String(error)}`);
      }
    }
    for (const hostile of [
      'ONBUILD '.repeat(7000),
      `RUN ${'['.repeat(60_000)}`,
      'A=$'.repeat(20_000),
      '\\\n'.repeat(200_000),
      '<<E '.repeat(10_000),
    ]) {
      const error = failure(`FROM x\nX ${hostile}`);
      assert.ok(error.message.length < 200_000);
    }
    assert.ok(performance.now() - begun < 10_000);
  });
});

test('drawExcerpt() marks the lines at fault among their neighbours', () => {
  const data = Buffer.from('FROM x\nRUN a\nRUN b\nRUN c\nRUN d\nRUN e\n');
  assert.equal(
    drawExcerpt({ filename: 'Dockerfile', data }, [{ start: 3, end: 3 }]),
    'Dockerfile:3\n--------------------\n   1 |     FROM x\n   2 |     RUN a\n   3 | >>> RUN b\n   4 |     RUN c\n   5 |     RUN d\n--------------------\n',
  );
});
