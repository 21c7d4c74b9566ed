import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRules } from './rules.ts';

const good = { name: 'a', allow: ['pull'], who: ['team:dev'], repositories: ['a/**'] };

test('parseRules() reads allow, deny and immutable', () => {
  const rules = [
    good,
    { name: 'b', deny: ['delete'], who: ['everybody'], repositories: ['**'] },
    { name: 'c', immutable: ['v*'], repositories: ['a/*'] },
  ];
  assert.deepEqual(parseRules({ rules }), rules);
});

const faults: [rule: unknown, message: RegExp][] = [
  ['x', /rule 1 is not an object/],
  [{ ...good, name: undefined }, /rule 1 has no name/],
  [{ ...good, color: 1 }, /the rule a has a key that is not known: color/],
  [{ ...good, who: 'everybody' }, /who of the rule a is not a list of texts/],
  [{ ...good, deny: ['pull'] }, /must have one of allow, deny and immutable/],
  [{ ...good, allow: ['fly'] }, /the action "fly" is not known/],
  [{ ...good, allow: [] }, /the rule a has an empty list/],
  [{ ...good, who: ['ann'] }, /'ann' in the rule a is nobody/],
  [{ ...good, who: undefined }, /does not say for whom/],
  [{ ...good, repositories: undefined }, /names no repositories/],
  [{ name: 'c', immutable: ['v*'], who: ['everybody'], repositories: ['**'] }, /immutable tags take no 'who'/],
];
for (const [rule, message] of faults) {
  test(`parseRules() refuses ${JSON.stringify(rule)}`, () => {
    assert.throws(() => parseRules({ rules: [rule] }), message);
  });
}

test('parseRules() refuses two rules of one name and a document without rules', () => {
  assert.throws(() => parseRules({ rules: [good, good] }), /two rules are called a/);
  for (const document of [undefined, [], {}, { rules: {} }]) assert.throws(() => parseRules(document), /no list of rules/);
});
