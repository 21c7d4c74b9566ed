import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeTarHeader, type NewTarEntry, paddingOf, TarDecoder, type TarHeader, tarEnd, tarEntries } from './index.ts';

function archive(...entries: (NewTarEntry & { content?: string })[]): Buffer {
  return Buffer.concat([
    ...entries.map((entry) => {
      const content = Buffer.from(entry.content ?? '');
      return Buffer.concat([
        encodeTarHeader({ ...entry, size: content.length }, { nanoseconds: true }),
        content,
        Buffer.alloc(paddingOf(content.length)),
      ]);
    }),
    tarEnd(),
  ]);
}

function decode(tar: Uint8Array, step = tar.length): { headers: TarHeader[]; contents: string[]; rest: number } {
  const headers: TarHeader[] = [];
  const contents: string[] = [];
  let rest = 0;
  const decoder = new TarDecoder({
    entry: (header) => (headers.push(header), contents.push('')),
    data: (chunk) => (contents[contents.length - 1] += Buffer.from(chunk).toString()),
    end() {},
    rest: (bytes) => (rest += bytes.length),
  });
  for (let at = 0; at < tar.length; at += step) decoder.write(tar.subarray(at, at + step));
  decoder.finish();
  return { headers, contents, rest };
}

test('what the encoder writes, the decoder reads, in chunks of any size', () => {
  const long = `${'directory/'.repeat(30)}file`;
  const tar = archive(
    { type: 'file', name: 'a', mode: 0o4755, uid: 7, gid: 3_000_000, modified: 1_700_000_000_123_456_789n, content: 'hello' },
    { type: 'directory', name: 'd/', mode: 0o1777 },
    { type: 'symbolicLink', name: 'Főtanúsítvány', link: 'x'.repeat(150) },
    { type: 'hardLink', name: long, link: 'a' },
    { type: 'character', name: 'null', device: { major: 1, minor: 3 } },
    {
      type: 'file',
      name: `${'p'.repeat(99)}/${'n'.repeat(90)}`,
      xattrs: new Map([['user.x', Buffer.from([0, 255, 10])]]),
      content: 'y'.repeat(1024),
    },
  );
  for (const step of [tar.length, 1, 100, 512, 1000]) {
    const { headers, contents, rest } = decode(tar, step);
    assert.deepEqual(
      headers.map((h) => h.name),
      ['a', 'd/', 'Főtanúsítvány', long, 'null', `${'p'.repeat(99)}/${'n'.repeat(90)}`],
    );
    assert.equal(headers[0]?.mode, 0o4755);
    assert.equal(headers[0]?.gid, 3_000_000);
    assert.equal(headers[0]?.modified, 1_700_000_000_123_456_789n);
    assert.equal(headers[2]?.link, 'x'.repeat(150));
    assert.deepEqual(headers[4]?.device, { major: 1, minor: 3 });
    assert.deepEqual([...(headers[5]?.xattrs.get('user.x') ?? [])], [0, 255, 10]);
    assert.deepEqual(
      contents.map((c) => c.length),
      [5, 0, 0, 0, 0, 1024],
    );
    assert.equal(rest, tar.length - 5 - 1024);
  }
});

test('a damaged, short or strange archive is refused with a sentence', () => {
  const tar = archive({ type: 'file', name: 'a', content: 'x'.repeat(2000) });
  assert.throws(() => decode(tar.subarray(0, 1500)), /ends too early/);
  assert.equal(decode(tar.subarray(0, 512 + 2000)).headers.length, 1, 'only padding and end are missing');
  assert.throws(() => decode(Buffer.alloc(512, 'z')), /not a tar/);
  assert.throws(() => decode(Buffer.alloc(0)), /not a tar, or is empty/);
  assert.doesNotThrow(() => decode(tarEnd()));
  const twice = Buffer.concat([tar.subarray(0, tar.length - 1024), Buffer.alloc(512, 1)]);
  assert.throws(() => decode(twice), /damaged after entry 1/);
  const reflag = (flag: string, name = 'a') => {
    const block = encodeTarHeader({ type: 'file', name, mode: 0o777 });
    const sum = Number.parseInt(block.toString('latin1', 148, 154), 8) - (block[156] as number) + flag.charCodeAt(0);
    block[156] = flag.charCodeAt(0);
    block.write(sum.toString(8).padStart(6, '0'), 148, 'latin1');
    return Buffer.concat([block, tarEnd()]);
  };
  assert.throws(() => decode(reflag('S')), /sparse/);
  assert.throws(() => decode(reflag('V')), /unknown type "V"/);
  assert.equal(decode(reflag('\0', 'old/')).headers[0]?.type, 'directory');
});

test('tarEntries() skips content that nobody reads', async () => {
  const tar = archive(
    { type: 'file', name: 'a', content: 'A'.repeat(3000) },
    { type: 'file', name: 'empty' },
    { type: 'file', name: 'b', content: 'B' },
  );
  const seen: string[] = [];
  async function* chunks() {
    for (let at = 0; at < tar.length; at += 700) yield tar.subarray(at, at + 700);
  }
  for await (const { header, content } of tarEntries(chunks())) {
    if (header.name === 'b') for await (const chunk of content) seen.push(Buffer.from(chunk).toString());
    else seen.push(header.name);
  }
  assert.deepEqual(seen, ['a', 'empty', 'B']);
});
