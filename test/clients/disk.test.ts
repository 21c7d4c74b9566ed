// What is on the disk, as the real client tells it, against what du says.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { EngineClient } from '../support/engine-client.ts';
import { eventually, startDaemon, type TestDaemon } from '../support/index.ts';

interface Usage {
  LayersSize: number;
  Images: { Id: string; RepoTags: string[]; Size: number; SharedSize: number; Containers: number }[];
  Containers: { Names: string[]; SizeRw: number; SizeRootFs: number }[];
  Volumes: { Name: string; UsageData: { Size: number; RefCount: number } }[];
  BuildCache: { ID: string; Type: string; Size: number; Shared: boolean; InUse: boolean }[];
}

/** Bytes on disk, as du sees them; several paths are counted as one tree. */
function du(...paths: string[]): number {
  const text = execFileSync('du', ['-sxc', '--block-size=1', ...paths], { encoding: 'utf8' });
  return Number(/(\d+)\ttotal/.exec(text)?.[1]);
}

function near(actual: number, expected: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= expected / 100, `${what}: ${actual}, but du says ${expected}`);
}

const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);

suite('the disk', () => {
  let daemon: TestDaemon;
  let client: EngineClient;
  const data = (...names: string[]) => join(daemon.root, 'data', ...names);
  const usage = () => client.json<Usage>('GET', '/system/df');
  const owners = async () => {
    const { owners: lines } = await client.json<{ owners: { owner: string; bytes: number }[] }>('GET', '/gantry/disk');
    return new Map(lines.map(({ owner, bytes }) => [owner, bytes]));
  };
  /** When nothing is being deleted any more. */
  const settled = () =>
    eventually(
      'the end of all deleting',
      async () => readdirSync(data('tmp')).length === 0 && readdirSync(data('volumes')).every((name) => !name.startsWith('.')),
    );

  before(async () => {
    daemon = await startDaemon({ images: ['busybox', 'debian'], plugins: ['buildx'] });
    client = new EngineClient(daemon.socket);
    const context = join(daemon.root, 'context');
    mkdirSync(context);
    for (let count = 0; count < 200; count += 1) writeFileSync(join(context, `file-${count}`), Buffer.alloc(count * 100, 1));
    writeFileSync(
      join(context, 'Dockerfile'),
      `FROM gantry/debian:12 AS tools
RUN --mount=type=cache,target=/cache dd if=/dev/urandom of=/cache/kept bs=1M count=5 && dd if=/dev/urandom of=/large bs=1M count=20
RUN for i in $(seq 500); do echo $i > /small-$i; done
FROM gantry/debian:12
COPY --from=tools /small-1 /
COPY . /app/
`,
    );
    await daemon.ok('build', '--quiet', '--tag', 'app', context);
    await daemon.ok('volume', 'create', 'data');
    // Hard links, and a file that is longer than its blocks.
    const fill = 'dd if=/dev/urandom of=/v/a bs=1M count=8; ln /v/a /v/b; dd if=/dev/zero of=/v/sparse bs=1 count=1 seek=1000000000';
    await daemon.ok('run', '--name', 'filler', '--volume', 'data:/v', 'app', 'sh', '-c', fill);
    await daemon.ok(
      'run',
      '--detach',
      '--name',
      'busy',
      'app',
      'sh',
      '-c',
      'dd if=/dev/urandom of=/own bs=1M count=6; seq 300000; sleep 1000',
    );
    await eventually('the end of its output', async () => (await daemon.ok('logs', '--tail', '1', 'busy')) === '300000');
    await settled();
  });
  after(async () => daemon?.[Symbol.asyncDispose]());

  test('every owner has what du says, and all of them together the data root', async () => {
    const { LayersSize, Images, Containers, Volumes, BuildCache } = await usage();
    const byOwner = await owners();
    assert.equal(byOwner.get('images'), LayersSize);
    near(sum([...byOwner.values()]), du(data()), 'the data root');
    near(
      LayersSize + sum(BuildCache.map(({ Size, Shared }) => (Shared ? 0 : Size))) + sum(Containers.map(({ SizeRw }) => SizeRw)),
      du(data('layers'), data('images'), data('containers'), data('build')),
      'layers, cache and containers',
    );
    for (const { Names, SizeRw } of Containers) {
      const id = await daemon.ok('inspect', '--format', '{{.Id}}', Names[0] ?? '');
      near(SizeRw, du(data('layers', id), data('containers', id)), Names[0] ?? '');
    }
    assert.deepEqual(
      Volumes.map(({ Name, UsageData }) => [Name, UsageData.RefCount]),
      [['data', 1]],
    );
    near(Volumes[0]?.UsageData.Size ?? 0, du(data('volumes/data')), 'the volume');
    const mount = BuildCache.find(({ Type }) => Type === 'exec.cachemount');
    near(mount?.Size ?? 0, du(data('build/cache-mounts')), 'the cache mount');
    const debian = Images.find(({ RepoTags }) => RepoTags.includes('gantry/debian:12'));
    const app = Images.find(({ RepoTags }) => RepoTags.includes('app:latest'));
    assert.equal(debian?.SharedSize, app?.SharedSize);
    assert.ok((app?.Size ?? 0) > (app?.SharedSize ?? 0));
    assert.deepEqual([debian?.Containers, app?.Containers], [0, 2]);
  });

  test('the client prints it, short and long, and can ask for a part', async () => {
    const lines = (await daemon.ok('system', 'df', '--format', '{{.Type}}|{{.TotalCount}}|{{.Active}}')).split('\n');
    assert.deepEqual(lines.slice(0, 3), ['Images|3|1', 'Containers|2|1', 'Local Volumes|1|1']);
    const long = await daemon.ok('system', 'df', '--verbose');
    assert.match(long, /app +latest [\s\S]*filler[\s\S]*data +1 +8\.\d+MB[\s\S]*exec\.cachemount/);
    const volumes = await client.json<Partial<Usage>>('GET', '/v1.44/system/df?type=volume');
    assert.deepEqual(Object.keys(volumes), ['Volumes']);
    for (const version of ['1.24', '1.41', '1.51']) {
      const { BuilderSize } = await client.json<{ BuilderSize?: number }>('GET', `/v${version}/system/df`);
      assert.equal(BuilderSize === undefined, version === '1.51', version);
    }
    assert.equal((await client.call('GET', '/system/df?type=nonsense')).status, 400);
  });

  test('what is removed is gone from the disk at once, as much as the reply says', async () => {
    const reclaims = async (path: string) => {
      const before = du(data());
      const { SpaceReclaimed } = await client.json<{ SpaceReclaimed: number }>('POST', path);
      await settled();
      const freed = before - du(data());
      assert.ok(Math.abs(freed - SpaceReclaimed) <= 200_000, `${path}: ${SpaceReclaimed} said, ${freed} freed`);
      return SpaceReclaimed;
    };
    assert.ok((await reclaims('/build/prune?all=1')) > 25_000_000);
    await daemon.ok('rm', '--force', 'busy');
    await settled();
    const before = du(data());
    assert.ok((await reclaims('/containers/prune')) > 0);
    await daemon.ok('volume', 'create', 'other');
    writeFileSync(data('volumes/other/_data/file'), Buffer.alloc(3_000_000, 1));
    assert.ok((await reclaims(`/volumes/prune?filters=${encodeURIComponent('{"all":["1"]}')}`)) > 11_000_000);
    assert.ok((await reclaims(`/images/prune?filters=${encodeURIComponent('{"dangling":["false"]}')}`)) > 100_000_000);
    assert.ok(du(data()) < before - 100_000_000);
    assert.deepEqual(
      readdirSync(data('layers')).filter((name) => !name.startsWith('init-')),
      [],
    );
    near(sum([...(await owners()).values()]), du(data()), 'the data root');
  });

  test('what a killed daemon was deleting goes when the next one starts', async () => {
    await daemon.load('busybox');
    await daemon.kill9();
    mkdirSync(data('tmp/trash-left/deep'), { recursive: true });
    writeFileSync(data('tmp/trash-left/deep/file'), 'x');
    rmSync(data('images/blobs'), { recursive: true });
    await daemon.start();
    await settled();
    near(sum([...(await owners()).values()]), du(data()), 'the data root');
  });
});
