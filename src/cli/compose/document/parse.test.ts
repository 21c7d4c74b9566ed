import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { position, renderFaults } from './faults.ts';
import { parse } from './parse.ts';
import { resetsOf, spotAt, spotOf } from './tree.ts';

const read = (text: string) => parse({ name: 'compose.yaml', text });
const plain = (text: string) => JSON.parse(JSON.stringify(read(text)));

suite('reading YAML', () => {
  for (const [name, text, value] of [
    ['anchors and merge keys', 'x-a: &a {b: 1, c: 2}\ns: {<<: *a, c: 3}\n', { 'x-a': { b: 1, c: 2 }, s: { b: 1, c: 3 } }],
    [
      'a list of merge keys, of which the first wins',
      'a: &a {k: 1}\nb: &b {k: 2, l: 3}\ns: {<<: [*a, *b]}',
      { a: { k: 1 }, b: { k: 2, l: 3 }, s: { k: 1, l: 3 } },
    ],
    ['octal modes', 'mode: 0440\nport: "0440"', { mode: 288, port: '0440' }],
    ['words that YAML 1.1 took for truth', 'a: yes\nb: on\nc: true', { a: 'yes', b: 'on', c: true }],
    ['an empty file', '# nothing\n', {}],
    ['ports as they are written', 'ports: [22:22, 80]', { ports: ['22:22', 80] }],
  ] as const)
    test(`takes ${name}`, () => assert.deepEqual(plain(text), value));

  test('knows where each key and value was written', () => {
    const tree = read('services:\n  web:\n    image: nginx\n');
    const spot = spotAt(tree, ['services', 'web', 'image']);
    assert.ok(spot);
    assert.deepEqual(position(spot.key), { line: 3, column: 5, text: '    image: nginx' });
    assert.equal(position(spot.value).column, 12);
  });

  test('marks what is reset and what overrides', () => {
    const tree = read('a: !reset null\nb: !override [1]\nc: !reset []\n');
    assert.deepEqual([...resetsOf(tree)], ['a', 'c']);
    assert.equal(spotOf(tree, 'b')?.override, true);
    assert.deepEqual(Object.keys(tree), ['b']);
  });

  for (const [name, text, message] of [
    [
      'a key that is there twice',
      'a: 1\nb: 2\na: 3\n',
      /^compose\.yaml:3:1: this is not YAML: Map keys must be unique\n {2}3 \| a: 3\n {4}\| \^/,
    ],
    ['a tab', 'a:\n\tb: 1\n', /^compose\.yaml:2:1: this is not YAML/],
    ['an alias without anchor', 'a: *b\n', /no anchor "&b"|Unresolved alias/],
    ['two documents', 'a: 1\n---\nb: 2\n', /^compose\.yaml:3:1: a file holds one document only/],
    ['a list at the top', '- a\n', /the top level must be a mapping/],
    ['an unknown tag', 'a: !frob 1\n', /the tag !frob is not known/],
    ['a hostile key', 'a: {__proto__: {b: 1}}\n', /"__proto__" cannot be a key/],
  ] as const)
    test(`refuses ${name} with its place`, () => assert.throws(() => read(text), { message }));

  test('refuses aliases that grow without bounds', () => {
    const lines = [
      'a: &a [x,x,x,x,x,x,x,x,x,x]',
      ...'bcdefg'.split('').map((name, at) => `${name}: &${name} [${Array(10).fill(`*${'abcdef'[at]}`).join(',')}]`),
    ];
    assert.throws(() => read(lines.join('\n')), /more than 200000 values/);
  });

  test('a caret stands under its word behind tabs, and many faults are cut', () => {
    const source = { name: 'f', text: '\tab: 1' };
    assert.equal(renderFaults([{ place: { source, from: 1, to: 3 }, message: 'no' }]), 'f:1:2: no\n  1 | \tab: 1\n    | \t^^');
    const long = { name: 'f', text: `${'a'.repeat(300)} bad ${'b'.repeat(300)}` };
    const [, line = '', caret = ''] = renderFaults([{ place: { source: long, from: 301, to: 304 }, message: 'no' }]).split('\n');
    assert.equal(line.slice(caret.indexOf('^'), caret.lastIndexOf('^') + 1), 'bad');
    assert.ok(line.length < 110);
    assert.match(renderFaults(Array(12).fill({ place: undefined, message: 'x' })), /and 2 more$/);
  });
});
