import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NamedEndpoint } from '../directory.ts';
import { Directory } from '../directory.ts';
import { questionFor, readAnswer } from '../testing/look-up.ts';
import { answerOf } from './answer.ts';
import { answersQuestion, CODE, encodeName, type Query, readQuery, TYPE, writeAnswer } from './packet.ts';

const query = (packet: Buffer): Query => {
  const read = readQuery(packet);
  assert.ok(read && !('refusal' in read));
  return read;
};
const refusalOf = (packet: Buffer) => {
  const read = readQuery(packet);
  assert.ok(read && 'refusal' in read);
  return read.refusal;
};
const changed = (packet: Buffer, at: number, ...bytes: number[]) =>
  Buffer.concat([packet.subarray(0, at), Buffer.from(bytes), packet.subarray(at + bytes.length)]);

test('readQuery() reads name, type and room, and keeps the letter case of the question', () => {
  const { name, type, room, extended, question } = query(questionFor('WeB.Shop', { type: 'AAAA', room: 1232 }));
  assert.deepEqual({ name, type, room, extended }, { name: 'web.shop', type: TYPE.AAAA, room: 1232, extended: true });
  assert.ok(question.includes('WeB'));
  assert.equal(query(questionFor('web')).room, 512, 'as RFC 1035 has it');
  assert.equal(query(questionFor('web', { room: 100 })).room, 512, 'less is none');
  assert.equal(query(questionFor('web', { room: 65535 })).room, 4096, 'more is cut');
});

test('readQuery() never takes a dot within a label for one between labels', () => {
  const tricky = Buffer.concat([questionFor('x').subarray(0, 12), Buffer.from([3]), Buffer.from('a.b'), Buffer.from([0, 0, 1, 0, 1])]);
  assert.equal(query(tricky).name, 'a\\.b');
});

test('readQuery() refuses what it cannot serve, and leaves what must not be answered', () => {
  const good = questionFor('web', { room: 1232 });
  assert.equal(readQuery(good.subarray(0, 11)), undefined, 'too short for an id');
  assert.equal(readQuery(changed(good, 2, 0x81)), undefined, 'an answer');
  const codes = {
    'an update': changed(good, 2, 0x28),
    'no question': changed(good, 4, 0, 0),
    'two questions': changed(good, 4, 0, 2),
    'a pointer in the question': changed(good, 12, 0xc0),
    'a name without end': good.subarray(0, 14),
    'a record that is cut off': good.subarray(0, good.length - 4),
    'a record longer than the packet': changed(good, good.length - 2, 0xff, 0xff),
  };
  for (const [what, packet] of Object.entries(codes)) {
    const refusal = refusalOf(Buffer.from(packet));
    assert.equal(refusal.length, 12, what);
    assert.equal(refusal.readUInt16BE(0), 0x1234, what);
    assert.equal(refusal.readUInt16BE(2) & 15, what === 'an update' ? CODE.notImplemented : CODE.formatError, what);
  }
  const newer = refusalOf(changed(good, good.length - 5, 1));
  assert.equal((newer.readUInt8(newer.length - 6) << 4) | (newer.readUInt16BE(2) & 15), CODE.badVersion, 'extensions of another version');
});

test('writeAnswer() cuts what does not fit and says so, extensions included', () => {
  const answers = Array.from({ length: 100 }, (_, index) => ({ type: TYPE.A, data: Uint8Array.of(10, 0, 0, index) }));
  for (const [room, count] of [
    [512, 30],
    [4096, 100],
  ] as const) {
    const packet = writeAnswer(query(questionFor('web')), { code: 0, answers }, room);
    assert.ok(packet.length <= room);
    const said = readAnswer(packet);
    assert.deepEqual([said.answers.length, said.truncated], [count, count < 100]);
  }
  const extended = writeAnswer(query(questionFor('web', { room: 512 })), { code: 0, answers }, 512);
  assert.ok(extended.length <= 512);
  assert.equal(extended.readUInt16BE(10), 1, 'who speaks of extensions is answered with them');
});

test('answersQuestion() takes no answer to another question', () => {
  const mine = query(questionFor('web'));
  const answer = writeAnswer(mine, { code: 0, answers: [] }, 512);
  assert.equal(answersQuestion(answer, mine.question), true);
  assert.equal(answersQuestion(answer, query(questionFor('wet')).question), false);
  assert.equal(answersQuestion(questionFor('web'), mine.question), false, 'a question is no answer');
  assert.equal(answersQuestion(Buffer.alloc(3), mine.question), false);
});

test('readQuery() withstands any bytes', () => {
  const good = questionFor('web.shop.example', { room: 1232 });
  let seed = 1;
  const next = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
  for (let count = 0; count < 20_000; count += 1) {
    const packet = Buffer.from(good.subarray(0, next(good.length + 1)));
    for (let changes = next(5); changes > 0 && packet.length > 0; changes -= 1) packet[next(packet.length)] = next(256);
    const read = readQuery(packet);
    if (read && !('refusal' in read)) writeAnswer(read, { code: 0, answers: [] }, read.room);
  }
});

function endpoint(containerId: string, more: Partial<NamedEndpoint> = {}): NamedEndpoint {
  return {
    containerId,
    networkId: 'n1',
    networkName: 'shop',
    ipv4Address: '10.0.0.2',
    ipv6Address: '',
    names: [containerId],
    links: new Map(),
    ...more,
  };
}

test('answerOf() goes by the networks of who asks, the way out first', () => {
  const directory = new Directory();
  const one = endpoint('one', { links: new Map([['database', 'DB']]) });
  const alsoOne = endpoint('one', { networkId: 'n2', networkName: 'Back', ipv4Address: '10.2.0.2' });
  directory.set('one', [one, alsoOne]);
  directory.set('db', [endpoint('db', { ipv4Address: '10.0.0.3', names: ['db', 'Store'] })]);
  directory.set('six', [
    endpoint('six', { networkId: 'n2', networkName: 'Back', ipv4Address: '', ipv6Address: 'fd00::6', names: ['six', 'store'] }),
  ]);
  directory.set('far', [endpoint('far', { networkId: 'n3', networkName: 'other' })]);
  const ask = (name: string, type: number = TYPE.A, kind = 1) => answerOf({ name, type, class: kind }, directory.of('one'), directory);
  const data = (name: string, type?: number) => ask(name, type)?.answers.map((answer) => [...answer.data]);
  assert.deepEqual(data('store'), [[10, 0, 0, 3]], 'the first network that has the name answers');
  assert.deepEqual(data('store', TYPE.AAAA)?.[0]?.at(-1), 6, 'the first that has an address of the family');
  assert.deepEqual(data('database'), [[10, 0, 0, 3]]);
  assert.deepEqual(data('six.back'), [], 'known, with no address of this family');
  assert.deepEqual(data('db', 15), [], 'known, with no mail servers');
  assert.deepEqual(data('db', TYPE.ANY), [[10, 0, 0, 3]]);
  assert.equal(ask('far'), undefined);
  assert.equal(ask('db', TYPE.A, 3), undefined, 'of another class');
  assert.deepEqual(ask('3.0.0.10.in-addr.arpa', TYPE.PTR)?.answers[0]?.data, encodeName('db.shop'));
  assert.equal(ask('9.0.0.10.in-addr.arpa', TYPE.PTR), undefined);
  assert.equal(ask('999.0.0.10.in-addr.arpa', TYPE.PTR), undefined);
  directory.set('db', []);
  assert.equal(ask('db'), undefined, 'gone');
  assert.deepEqual(data('database'), undefined);
});
