// Archives, images and paths may be forged: refused with a sentence, and nothing outside of the container is touched.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { EngineClient } from '../support/engine-client.ts';
import { eventually, startDaemon, type TestDaemon } from '../support/index.ts';
import { assertRefused, LOG_OF_FAILURES } from '../support/refusal.ts';
import { type RawEntry, tar, tarEntry } from '../support/tar.ts';

const IMAGE = 'gantry/busybox';
const SECRET = 'only the host may read this';
const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

/** A docker-archive of one layer; `manifest` and `config` replace what an honest one would say. */
function imageArchive(layer: Uint8Array, forged: { manifest?: object; config?: object } = {}): Buffer {
  const config = { architecture: 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] } };
  const manifest = { Config: 'config.json', RepoTags: ['hostile:1'], Layers: ['one/layer.tar'] };
  return tar(
    { name: 'one/layer.tar', content: layer },
    { name: 'config.json', content: JSON.stringify({ ...config, ...forged.config }) },
    { name: 'manifest.json', content: JSON.stringify([{ ...manifest, ...forged.manifest }]) },
  );
}

/** An OCI layout whose index names `manifest`. */
function layout(manifest: string, ...further: RawEntry[]): Buffer {
  const digest = sha256(Buffer.from(manifest));
  return tar(
    { name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
    { name: 'index.json', content: JSON.stringify({ schemaVersion: 2, manifests: [{ digest: `sha256:${digest}` }] }) },
    { name: `blobs/sha256/${digest}`, content: manifest },
    ...further,
  );
}

/** Zeros, packed a thousand to one without ever being held: gzip members may follow one another. */
function zerosInGzip(head: Uint8Array, gibibytes: number): Buffer {
  const member = gzipSync(Buffer.alloc(64 * 2 ** 20), { level: 9 });
  return Buffer.concat([gzipSync(head), ...Array.from({ length: gibibytes * 16 }, () => member)]);
}

suite('hostile archives', () => {
  let daemon: TestDaemon;
  let client: EngineClient;
  let outside: string;
  let pid: number;
  const secret = () => path.join(outside, 'secret');

  before(async () => {
    daemon = await startDaemon({ images: ['busybox'] });
    client = new EngineClient(daemon.socket);
    pid = daemon.pid;
    outside = mkdtempSync('/var/tmp/gantry-outside-');
    writeFileSync(secret(), SECRET);
    await daemon.ok('create', '--name', 'still', IMAGE, 'true');
    await daemon.ok('run', '-d', '--name', 'live', IMAGE, 'sleep', '600');
  });
  after(async () => {
    await daemon?.[Symbol.asyncDispose]();
    rmSync(outside, { recursive: true, force: true });
  });

  const assertUnharmed = async () => {
    assert.equal(daemon.pid, pid, 'the daemon is another one');
    assert.equal((await client.call('GET', '/_ping')).status, 200);
    assert.equal(readFileSync(secret(), 'utf8'), SECRET);
    assert.deepEqual(existsSync(path.join(outside, 'escaped')), false);
    assert.doesNotMatch(daemon.log(), LOG_OF_FAILURES);
  };
  const put = (container: string, archive: Uint8Array, at = '/tmp') =>
    client.call('PUT', `/containers/${container}/archive?path=${encodeURIComponent(at)}`, archive);
  const load = (archive: Uint8Array) => client.call('POST', '/images/load?quiet=1', archive);

  test('PUT archive refuses entries that lead out, lie about themselves or are cut short', async () => {
    const refused: [string, Uint8Array, RegExp][] = [
      ['..', tar({ name: `../../../../../..${'/x'}`, content: 'x' }), /leads out of the archive's root/],
      ['.. in the middle', tar({ name: 'a/../../x', content: 'x' }), /leads out/],
      ['a hard link out', tar({ name: 'link', flag: '1', link: '../../../../etc/passwd' }), /leads out/],
      ['a hard link to a file of the host', tar({ name: 'link', flag: '1', link: secret() }), /is not there/],
      ['more than any disk', tar({ name: 'huge', size: 2 ** 50 }), /'huge' claims \d+ bytes/],
      ['a size beyond all numbers', tar({ name: 'huge', size: 2 ** 62 }), /invalid number/],
      ['a negative size', tar({ name: 'p', flag: 'x', content: '12 size=-99\n' }, { name: 'y' }), /invalid size: '-99'/],
      ['a name with a zero byte', tar({ name: 'p', flag: 'x', content: '11 path=a\0\n' }, { name: 'y' }), /zero byte/],
      ['a name of 300 bytes', tar({ name: 'p', flag: 'x', content: `310 path=${'n'.repeat(300)}\n` }, { name: 'y' }), /can't be unpacked/],
      ['an end too early', tarEntry({ name: 'short', size: 5000, content: 'x' }), /ends too early/],
      ['garbage', Buffer.alloc(5000, 'q'), /not a tar/],
      ['nothing', new Uint8Array(0), /not a tar, or is empty/],
      ['gzip cut short', gzipSync(tar({ name: 'f', content: 'x' })).subarray(0, 40), /gzip data is damaged/],
      ['garbage that begins like gzip', Buffer.concat([Buffer.from([0x1f, 0x8b]), Buffer.alloc(99, 7)]), /gzip data is damaged/],
    ];
    for (const container of ['still', 'live'])
      for (const [what, archive, words] of refused) assertRefused(await put(container, archive), `${what} into ${container}`, words);
    await assertUnharmed();
  });

  test('links, absolute names and duplicates in an upload stay inside the container', async () => {
    const accepted = tar(
      { name: 'out', flag: '2', link: outside },
      { name: 'out/escaped', content: 'x' },
      { name: 'up', flag: '2', link: `../../../../../../../..${outside}` },
      { name: 'up/escaped', content: 'x' },
      { name: `${outside}/escaped`, content: 'x' },
      { name: 'file', flag: '2', link: secret() },
      { name: 'file', content: 'mine' },
      { name: 'twice', content: 'first' },
      { name: 'twice', flag: '5' },
      { name: 'twice', content: 'last' },
    );
    for (const container of ['still', 'live']) {
      assert.equal((await put(container, accepted)).status, 200);
      assert.equal(await read(container, '/tmp/file'), 'mine');
      assert.equal(await read(container, '/tmp/twice'), 'last');
      assert.equal(await read(container, `${outside}/escaped`), 'x');
    }
    await assertUnharmed();
  });

  test('a device that an upload made can be seen, but not read', async () => {
    await put(
      'live',
      tar({ name: 'disk', flag: '4', mode: 0o666, major: 7, minor: 0 }, { name: 'memory', flag: '3', mode: 0o666, major: 1, minor: 1 }),
    );
    for (const device of ['disk', 'memory']) {
      const outcome = await daemon.docker('exec', 'live', 'head', '-c', '1', `/tmp/${device}`);
      assert.notEqual(outcome.status, 0);
      assert.match(outcome.stderr, /Operation not permitted/);
    }
  });

  test('paths of a container that go up, round or on for ever end inside it', async () => {
    await put('live', tar({ name: 'loop', flag: '2', link: 'loop' }, { name: 'door', flag: '2', link: `../../../../..${secret()}` }));
    const paths = [
      `/../../../../..${secret()}`,
      secret(),
      '/tmp/door/.',
      '/tmp/loop/x',
      `/${'n'.repeat(10_000)}`,
      '/a\nb',
      '/%2e%2e',
      '/proc/1/root/../nothing',
    ];
    for (const container of ['still', 'live']) {
      for (const at of paths)
        for (const method of ['HEAD', 'GET'])
          assertRefused(
            await client.call(method, `/containers/${container}/archive?path=${encodeURIComponent(at)}`),
            `${method} ${at.slice(0, 80)}`,
          );
      assertRefused(await put(container, tar({ name: 'x', content: 'x' }), '/a\0b'), 'a zero byte', /zero byte/);
      assertRefused(await put(container, tar({ name: 'x', content: 'x' }), '/nowhere'), 'a missing folder', /Could not find/);
    }
    assertRefused(await put('live', tar({ name: 'x', content: 'x' }), '/proc'), 'a file in /proc', /can't be unpacked there/);
    await assertUnharmed();
  });

  test('docker cp never leaves a container that swaps a directory for a link meanwhile', async () => {
    const inside = path.join(outside, 'swap');
    mkdirSync(inside);
    writeFileSync(path.join(inside, 'data'), SECRET);
    const flip = `mkdir -p /w/real && echo inside > /w/real/data && ln -s ${inside} /w/link && mkdir -p ${inside} && echo inside > ${inside}/data
      while true; do mv /w/real /w/swap; mv /w/swap /w/real; mv /w/link /w/swap; mv /w/swap /w/link; done`;
    await daemon.ok('run', '-d', '--name', 'flip', IMAGE, 'sh', '-c', flip);
    const statuses = new Set<number>();
    // On, while luck has not let a copy meet its directory.
    for (let round = 0; round < 50 || (!statuses.has(200) && round < 3000); round += 1) {
      // What vanishes in the middle of an answer cuts it short.
      const got = await client.call('GET', '/containers/flip/archive?path=/w/swap/data').catch(() => ({ status: 404, body: Buffer.of() }));
      statuses.add(got.status);
      assert.ok(!got.body.includes(SECRET), 'a file of the host was read');
      const sent = await put('flip', tar({ name: 'escaped', content: 'x' }, { name: 'data', content: 'inside\n' }), '/w/swap');
      statuses.add(sent.status);
      assert.ok(
        [got.status, sent.status].every((status) => [200, 404, 400].includes(status)),
        `${got.status} ${sent.status}`,
      );
    }
    assert.ok(statuses.has(200), 'no copy ever met its directory');
    assert.equal(readFileSync(path.join(inside, 'data'), 'utf8'), SECRET);
    assert.equal(existsSync(path.join(inside, 'escaped')), false);
    await daemon.ok('rm', '-f', 'flip');
    await assertUnharmed();
  });

  test('load refuses images that lie or lead out, and keeps nothing of them', async () => {
    const honest = tar({ name: 'file', content: 'x' });
    const nulls = '{"config":7,"layers":[null]}';
    const blob = { name: `blobs/sha256/${sha256(Buffer.from(nulls))}`, content: nulls };
    const refused: [string, Uint8Array, RegExp][] = [
      ['a false diff id', imageArchive(honest, { config: { rootfs: { diff_ids: [`sha256:${'a'.repeat(64)}`] } } }), /has diff id sha256:/],
      ['a configuration outside', imageArchive(honest, { manifest: { Config: '../../../etc/passwd' } }), /no configuration/],
      ['a layer outside', imageArchive(honest, { manifest: { Layers: ['../../../etc/passwd'] } }), /no layer/],
      ['a name with dots', imageArchive(honest, { manifest: { RepoTags: ['../../x\n'] } }), /invalid reference format/],
      ['names that are no texts', imageArchive(honest, { manifest: { RepoTags: 7 } }), /not texts/],
      ['a configuration of numbers', imageArchive(honest, { config: { config: { Cmd: 7, Env: 'x' } } }), /image configuration/],
      ['a layer with ..', imageArchive(tar({ name: `../../../..${outside}/escaped`, content: 'x' })), /leads out/],
      ['a layer with a hard link out', imageArchive(tar({ name: 'link', flag: '1', link: secret() })), /is not there/],
      ['a layer with a whiteout of ..', imageArchive(tar({ name: '.wh...' })), /whiteout for '\.\.'/],
      ['a layer that is none', imageArchive(Buffer.alloc(2048, 'x')), /not a tar/],
      ['a layer larger than the disk', imageArchive(tar({ name: 'huge', size: 2 ** 50 })), /claims/],
      ['a null manifest', tar({ name: 'manifest.json', content: 'null' }), /not a list/],
      ['a list of null', tar({ name: 'manifest.json', content: '[null]' }), /not an object/],
      [
        'a null configuration',
        tar({ name: 'c.json', content: 'null' }, { name: 'manifest.json', content: '[{"Config":"c.json","Layers":[]}]' }),
        /not an object/,
      ],
      [
        'a manifest nested without end',
        tar({ name: 'manifest.json', content: '['.repeat(200_000) + ']'.repeat(200_000) }),
        /manifest\.json/,
      ],
      ['a null index', tar({ name: 'index.json', content: 'null' }), /not an object/],
      ['an index of nulls', tar({ name: 'index.json', content: '{"manifests":[null]}' }), /no list of manifests/],
      ['a digest with dots', tar({ name: 'index.json', content: '{"manifests":[{"digest":"sha256:../../x"}]}' }), /invalid digest/],
      ['a manifest of nulls', layout(nulls), /no configuration or no layers/],
      [
        'a blob that is not its digest',
        layout(JSON.stringify({ config: { digest: `sha256:${'b'.repeat(64)}` }, layers: [] }), { ...blob, content: `${nulls} ` }),
        /no blob|digest/,
      ],
      ['garbage', Buffer.alloc(9000, 'w'), /not a tar/],
      ['nothing', new Uint8Array(0), /empty/],
      ['an end too early', imageArchive(honest).subarray(0, 1500), /ends too early/],
      ['gzip cut short', gzipSync(imageArchive(honest)).subarray(0, 100), /damaged/],
    ];
    const before = await daemon.ok('images', '--all', '--quiet');
    for (const [what, archive, words] of refused) assertRefused(await load(archive), what, words);
    assert.equal(await daemon.ok('images', '--all', '--quiet'), before);
    await assertUnharmed();
  });

  test('a layer may hold links to anywhere and devices: what it writes through them stays in it', async () => {
    const layer = tar(
      { name: 'out', flag: '2', link: outside },
      { name: 'out/escaped', content: 'x' },
      { name: 'disk', flag: '4', major: 7, minor: 0 },
    );
    assert.equal((await load(imageArchive(layer))).status, 200);
    await daemon.ok('rmi', 'hostile:1');
    await assertUnharmed();
  });

  test('import refuses what is no archive, and odd names, platforms and changes', async () => {
    const honest = tar({ name: 'file', content: 'x' });
    const send = (archive: Uint8Array, query = '') => client.call('POST', `/images/create?fromSrc=-${query}`, archive);
    assertRefused(await send(Buffer.alloc(4000, 'q')), 'garbage', /not a tar/);
    assertRefused(await send(tar({ name: '../x' })), '..', /leads out/);
    assertRefused(await send(honest, `&repo=${encodeURIComponent('../../x')}`), 'a name', /invalid reference format/);
    assertRefused(await send(honest, `&platform=${encodeURIComponent('../../x\n')}`), 'a platform', /invalid platform/);
    assertRefused(await send(honest, `&changes=${encodeURIComponent('RUN rm -rf /')}`), 'a change', /RUN is not a valid change/);
    await assertUnharmed();
  });

  test('decompression bombs are refused long before they fill the disk', { timeout: 120_000 }, async () => {
    const free = () => statfsSync(daemon.root).bavail * statfsSync(daemon.root).bsize;
    const before = free();
    const bomb = zerosInGzip(tarEntry({ name: 'zeros', size: 6 * 2 ** 30 }).subarray(0, 512), 6);
    assertRefused(await put('still', bomb), 'PUT archive', /decompression bomb/);
    await daemon.ok('rm', 'still');
    await daemon.ok('create', '--name', 'still', IMAGE, 'true');
    await eventually('the space to come back', async () => before - free() < 2 ** 29);
    await assertUnharmed();
  });

  async function read(container: string, at: string): Promise<string> {
    const reply = await client.call('GET', `/containers/${container}/archive?path=${encodeURIComponent(at)}`);
    assert.equal(reply.status, 200, reply.body.toString());
    const size = Number.parseInt(reply.body.subarray(124, 136).toString(), 8);
    return reply.body.subarray(512, 512 + size).toString();
  }
});
