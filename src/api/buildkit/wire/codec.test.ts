import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bool, bytes, integer, long, message, messageMap, one, repeated, string, stringMap, strings } from './codec.ts';

const Inner = message({ name: string(1), count: integer(2) });
const Outer = message({
  text: string(1),
  flag: bool(2),
  number: integer(3),
  time: long(4),
  data: bytes(5),
  words: strings(6),
  inner: one(7, Inner),
  list: repeated(8, Inner),
  labels: stringMap(9),
  children: messageMap(10, Inner),
});

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('protobuf', () => {
  it('writes the bytes that the specification shows', () => {
    assert.equal(Outer.encode({ number: 150 }).toString('hex'), '189601');
    assert.equal(Outer.encode({ text: 'testing' }).toString('hex'), '0a0774657374696e67');
    assert.equal(Outer.encode({ number: -2 }).toString('hex'), '18feffffffffffffffff01');
  });

  it('leaves out zero values, but not an empty message', () => {
    assert.equal(Outer.encode({ text: '', flag: false, number: 0, time: 0n, data: Buffer.alloc(0), words: [] }).length, 0);
    assert.equal(Outer.encode({ inner: Inner.decode(hex('')) }).toString('hex'), '3a00');
  });

  it('gives back what it wrote', () => {
    const value = Outer.decode(
      Outer.encode({
        text: 'grün',
        flag: true,
        number: 0xffffffff,
        time: 1_790_000_000_123_456_789n,
        data: Buffer.from([1, 2, 3]),
        words: ['a', '', 'c'],
        inner: { name: 'x', count: -1 },
        list: [
          { name: '', count: 0 },
          { name: 'y', count: 7 },
        ],
        labels: { a: '1', __proto__x: '' },
        children: { k: { name: 'z', count: 300 } },
      }),
    );
    assert.equal(value.text, 'grün');
    assert.equal(value.number, 0xffffffff);
    assert.equal(value.time, 1_790_000_000_123_456_789n);
    assert.deepEqual([...value.data], [1, 2, 3]);
    assert.deepEqual(value.words, ['a', '', 'c']);
    assert.deepEqual(value.inner, { name: 'x', count: -1 });
    assert.deepEqual(value.list, [
      { name: '', count: 0 },
      { name: 'y', count: 7 },
    ]);
    assert.deepEqual({ ...value.labels }, { a: '1', __proto__x: '' });
    assert.equal(value.children.k?.count, 300);
  });

  it('skips fields that it does not know', () => {
    assert.equal(Outer.decode(hex('f80101 0a0161 e1010000000000000000')).text, 'a');
  });

  for (const [what, text] of [
    ['a field cut short', '0a05 61'],
    ['a number without end', '18 ffffffffffffffffffffff'],
    ['a wrong wire type', '08 01'],
    ['a group', 'fb01'],
    ['a length beyond all bounds', '0affffffffffffffff7f'],
  ] as const)
    it(`refuses ${what}`, () => {
      assert.throws(() => Outer.decode(hex(text)), /malformed protobuf/);
    });

  it('refuses messages nested without end', () => {
    interface Nest {
      inner: Nest | undefined;
    }
    const field: { -readonly [K in keyof ReturnType<typeof one<Nest>>]: ReturnType<typeof one<Nest>>[K] } = {
      ...one<Nest>(1, Inner as never),
    };
    const Nest = message({ inner: field });
    Object.assign(field, one(1, Nest as never));
    let data = Buffer.alloc(0);
    for (let depth = 0; depth < 60; depth += 1)
      data = Buffer.concat([
        hex('0a'),
        Buffer.from(data.length < 128 ? [data.length] : [(data.length & 127) | 128, data.length >> 7]),
        data,
      ]);
    assert.throws(() => Nest.decode(data), /nested deeper/);
  });
});
