import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { packTree, rebuildLayer, unpackLayer, writeLayer } from './archive/index.ts';
import { type GzipSource, gzipped } from './gzip.ts';
import { which } from './processes.ts';

const NEVER = new AbortController().signal;
const folder = mkdtempSync(join(tmpdir(), 'gantry-gzip-'));
const place = { tree: join(folder, 'tree'), recipe: join(folder, 'recipe'), displaced: join(folder, 'displaced') };
let tar: Buffer;

before(async () => {
  const source = join(folder, 'source');
  mkdirSync(source);
  for (let i = 0; i < 8; i += 1) writeFileSync(join(source, `${i}`), i % 2 ? randomBytes(250_000) : Buffer.alloc(250_000, i));
  tar = Buffer.concat(await packTree({ root: source, path: '', name: '' }).toArray());
  mkdirSync(place.tree);
  await unpackLayer(Readable.from([tar]), place);
});
after(() => rmSync(folder, { recursive: true, force: true }));

const layer: GzipSource = {
  open: () => Readable.from(rebuildLayer(place), { objectMode: false }),
  write: async (descriptor) => void (await writeLayer(place, descriptor)),
};
async function all(source: GzipSource, program: string | undefined, signal = NEVER): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of gzipped(source, signal, program)) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

for (const name of ['igzip', 'zlib']) {
  const program = name === 'igzip' ? which('igzip') : undefined;
  const skip = name === 'igzip' && program === undefined;

  test(`gzipped() by ${name} gives the same bytes each time, which unpack to the tar`, { skip }, async () => {
    const packed = await all(layer, program);
    assert.ok(gunzipSync(packed).equals(tar));
    assert.ok((await all(layer, program)).equals(packed));
  });

  test(`gzipped() by ${name} fails when the tar is not what it should be`, { skip }, async () => {
    const damaged: GzipSource = {
      open: () =>
        Readable.from(
          (async function* () {
            yield* rebuildLayer(place);
            throw new Error('the layer is damaged');
          })(),
          { objectMode: false },
        ),
      async write(descriptor) {
        await layer.write(descriptor);
        throw new Error('the layer is damaged');
      },
    };
    await assert.rejects(all(damaged, program), /the layer is damaged/);
  });

  test(`gzipped() by ${name} stops when it is told to`, { skip }, async () => {
    const stop = new AbortController();
    const pieces = gzipped(layer, stop.signal, program);
    assert.equal((await pieces.next()).done, false);
    stop.abort(new Error('no longer wanted'));
    await assert.rejects(Readable.from(pieces).toArray(), /no longer wanted/);
    const left = gzipped(layer, NEVER, program);
    await left.next();
    await left.return(undefined);
    assert.ok((await all(layer, program)).length > 0, 'the worker is free again');
  });
}

test('gzipped() tells how a program ended that failed', async () => {
  await assert.rejects(all(layer, '/bin/false'), /igzip ended with exit code 1/);
  await assert.rejects(all(layer, '/no/such'), /such is not installed/);
});
