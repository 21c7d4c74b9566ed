import assert from 'node:assert/strict';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect, createServer as createNetServer } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { ClientEntry } from '../../../build/index.ts';
import { frame, unframe } from '../grpc/framing.ts';
import { GrpcClient } from '../grpc/index.ts';
import type { Sparse } from '../wire/codec.ts';
import { PACKET, Packet } from '../wire/session.ts';
import { receiveDirectory } from './receive-directory.ts';

type Sent = Sparse<ReturnType<typeof Packet.decode>>;
const file = (path: string, size = 3n): Sent => ({ type: PACKET.stat, stat: { path, mode: 0o644, size } });
const END_OF_LIST: Sent = { type: PACKET.stat };
const data = (id: number, text: string): Sent => ({ type: PACKET.data, id, data: Buffer.from(text) });

/** A client that serves its directory by a script: what it sends at once, and what it answers to each packet of ours. */
interface Script {
  first: Sent[];
  answer?: (packet: ReturnType<typeof Packet.decode>) => Sent[];
  status?: Record<string, string>;
}

describe('receiving a directory of the client', () => {
  let script: Script;
  let headers: Record<string, unknown>;
  let http2: Http2Server;
  let connections: ReturnType<typeof createNetServer>;
  let client: GrpcClient;

  beforeEach(async () => {
    http2 = createServer();
    http2.on('stream', (stream, given) => {
      headers = given;
      void play(stream as ServerHttp2Stream).catch(() => {});
    });
    connections = createNetServer((socket) => void http2.emit('connection', socket));
    await new Promise<void>((resolve) => connections.listen(0, '127.0.0.1', resolve));
    client = new GrpcClient(connect((connections.address() as AddressInfo).port, '127.0.0.1'));
  });
  afterEach(() => {
    client.close();
    connections.close();
  });

  async function play(stream: ServerHttp2Stream): Promise<void> {
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers(script.status ?? { 'grpc-status': '0' }));
    for (const packet of script.first) stream.write(frame(Packet.encode(packet)));
    if (script.answer)
      for await (const message of unframe(stream.iterator({ destroyOnReturn: false }))) {
        const packet = Packet.decode(message);
        for (const sent of script.answer(packet)) stream.write(frame(Packet.encode(sent)));
        if (packet.type === PACKET.finish) break;
      }
    stream.end();
  }

  const open = (filter = { followPaths: [] as string[], excludePatterns: [] as string[] }) =>
    receiveDirectory({ id: 's', sharedKey: '', methods: new Set(), client }, 'context', filter, AbortSignal.timeout(5000));

  /** Reads all files side by side. */
  async function readAll(): Promise<string[]> {
    await using directory = open();
    const contents: Promise<string>[] = [];
    const readOne = async (entry: ClientEntry) => {
      let text = `${entry.path}:`;
      for await (const piece of directory.read(entry)) text += Buffer.from(piece).toString();
      return text;
    };
    for await (const entry of directory.entries()) {
      const content = readOne(entry);
      // The list may fail before anyone looks.
      content.catch(() => {});
      contents.push(content);
    }
    const all = await Promise.all(contents);
    await directory.finish();
    return all;
  }

  const obliging = (packet: ReturnType<typeof Packet.decode>): Sent[] => {
    if (packet.type === PACKET.request) return [data(packet.id, `<${packet.id}`), data(packet.id, '>'), data(packet.id, '')];
    return [{ type: PACKET.finish }];
  };

  it('gives files whose pieces come interleaved', async () => {
    const asked: number[] = [];
    script = {
      first: [file('a'), file('b'), END_OF_LIST],
      answer: (packet) => {
        if (packet.type === PACKET.finish) return [{ type: PACKET.finish }];
        asked.push(packet.id);
        if (asked.length < 2) return [];
        return [data(1, 'b1'), data(0, 'a1'), data(1, 'b2'), data(0, ''), data(1, '')];
      },
    };
    assert.deepEqual(await readAll(), ['a:a1', 'b:b1b2']);
  });

  it('asks with the filter in the metadata, escaped where it is not ASCII', async () => {
    script = { first: [END_OF_LIST], answer: obliging };
    await using directory = open({ followPaths: ['src', 'a b'], excludePatterns: ['*.ö', '!x y'] });
    for await (const _ of directory.entries());
    await directory.finish();
    assert.equal(headers['dir-name'], 'context');
    assert.equal(headers.followpaths, 'src, a b');
    assert.equal(headers['exclude-patterns'], '*.%C3%B6, !x+y');
    assert.equal(headers['exclude-patterns-encoded'], '1');
  });

  for (const [what, hostile, message] of [
    [
      'content that nobody asked for',
      { first: [file('a'), END_OF_LIST, data(1, 'x')], answer: () => [] },
      /file 1, which was not asked for/,
    ],
    [
      'content after the end of a file',
      {
        first: [file('a'), END_OF_LIST],
        answer: (packet) => (packet.type === PACKET.request ? [data(0, 'x'), data(0, ''), data(0, 'more')] : []),
      },
      /file 0, which was not asked for/,
    ],
    ['files after the end of the list', { first: [END_OF_LIST, file('a')], answer: () => [] }, /more files after the end/],
    ['an end before ours', { first: [{ type: PACKET.finish }], answer: () => [] }, /unexpected packet of type 3/],
    ['a packet of no known type', { first: [{ type: 9 }], answer: () => [] }, /unexpected packet of type 9/],
    ['a failure of its own', { first: [{ type: PACKET.error, data: Buffer.from('disk on fire') }], answer: () => [] }, /disk on fire/],
    ['an end in the middle of the list', { first: [file('a')] }, /ended the transfer of its files too early/],
    [
      'no such directory',
      { first: [], status: { 'grpc-status': '5', 'grpc-message': 'no access allowed to dir %22x%22' } },
      /no access allowed to dir "x"/,
    ],
    ['a path that leads out', { first: [file('../etc/passwd'), END_OF_LIST], answer: () => [] }, /impossible path: "..\/etc\/passwd"/],
  ] as const satisfies readonly (readonly [string, Script, RegExp])[])
    it(`fails when the client sends ${what}`, async () => {
      script = hostile;
      await assert.rejects(readAll(), message);
    });

  it('fails when the client is gone in the middle of a file', async () => {
    script = {
      first: [file('a'), END_OF_LIST],
      answer: () => {
        client.close();
        return [];
      },
    };
    await assert.rejects(readAll(), /closed its build session|broke off/);
  });

  it('takes no more than it can hold from a client whose files nobody reads', async () => {
    let sent = 0;
    script = {
      first: [file('a', 1n << 30n), END_OF_LIST],
      answer: (packet) =>
        packet.type === PACKET.request
          ? Array.from({ length: 1024 }, () => data(0, 'x'.repeat(32 * 1024))).map((piece) => ((sent += 1), piece))
          : [],
    };
    await using directory = open();
    for await (const entry of directory.entries()) {
      const reader = directory.read(entry)[Symbol.asyncIterator]();
      await reader.next();
      const before = process.memoryUsage().arrayBuffers;
      await new Promise((resolve) => setTimeout(resolve, 200));
      assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024);
      assert.equal(sent, 1024);
      break;
    }
  });
});
