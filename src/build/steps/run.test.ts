import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { randomIds, silentLog, systemClock } from '../../base/index.ts';
import { listMounts, openCgroups } from '../../host/index.ts';
import type { Network } from '../../network/index.ts';
import { canRun, Harness } from '../../runtime/testing/harness.ts';
import { memoryStore } from '../../store/index.ts';
import type { BuildClient } from '../builder.ts';
import { CacheMounts } from '../cache/cache-mounts.ts';
import type { BuildParts } from '../parts.ts';
import type { RunMount, RunWork } from '../plan/plan.ts';
import { TestLayers } from '../testing/layers.ts';
import { ProcessExits } from './exits.ts';
import { ProcessFailure, runStep } from './run.ts';

/** Everything that a RUN needs, on the network of the host. */
async function setUp(harness: Harness) {
  const runtime = await harness.open();
  const store = memoryStore();
  const clock = systemClock();
  const layers = new TestLayers(join(harness.base, 'layers'));
  const network = {
    attach: async ({ containerId }: { containerId: string }) => ({ containerId, namespace: '', endpoints: [], publishedPorts: [] }),
    detach: async () => undefined,
    resolverFile: async () => 'nameserver 192.0.2.1\n',
    hostsFile: async () => '127.0.0.1 localhost\n',
  } as unknown as Network;
  const mounts = new CacheMounts(harness.base, { store, clock });
  await mounts.load();
  const parts = {
    scratch: join(harness.base, 'scratch'),
    runFolder: join(harness.base, 'running'),
    ...{ clock, ids: randomIds(), log: silentLog, runtime, network, mounts },
    images: layers.images,
    assembly: layers.assembly,
    exits: new ProcessExits(runtime),
  } as unknown as BuildParts;
  const base = await layers.import(harness.rootfs);
  const run = async (
    command: string,
    options: { mounts?: RunMount[]; client?: Partial<BuildClient>; work?: Partial<RunWork>; signal?: AbortSignal } = {},
  ) => {
    let output = '';
    const layer = await runStep(
      parts,
      {
        work: { ...work(command), mounts: options.mounts ?? [], ...options.work },
        layers: [base.diffId],
        sources: (options.mounts ?? []).map(() => undefined),
        settings: {
          network: { kind: 'host' },
          ...{ extraHosts: [], resources: {}, ulimits: [], shmSize: 0, runtime: 'crun', cgroupParent: harness.cgroupParent },
        },
        client: (options.client ?? {}) as BuildClient,
        lease: layers.assembly.lease(),
        sourceDateEpoch: undefined,
        output: (_stream, data) => {
          output += Buffer.from(data).toString();
        },
        running: () => undefined,
      },
      options.signal ?? new AbortController().signal,
    );
    return { layer, output, names: namesIn(layers.tree(layer.diffId)) };
  };
  return { run, parts, layers };
}

function work(command: string): RunWork {
  return {
    kind: 'run',
    arguments: ['/bin/sh', '-c', command],
    environment: ['PATH=/bin', 'A=b'],
    proxyEnvironment: [],
    user: '',
    workingDirectory: '/',
    files: [],
    mounts: [],
    network: 'default',
    security: 'sandbox',
  };
}

function namesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
}

/** Nothing of any step may be left. */
async function assertClean(harness: Harness, { parts, layers }: Awaited<ReturnType<typeof setUp>>) {
  assert.deepEqual(layers.roots(), []);
  assert.deepEqual(
    listMounts(harness.base).filter(({ target }) => !target.includes('/run/')),
    [],
  );
  assert.deepEqual(existsSync(parts.runFolder) ? readdirSync(parts.runFolder) : [], []);
  assert.deepEqual(await parts.runtime.list(), []);
  assert.deepEqual(
    openCgroups(silentLog)
      .list(harness.cgroupParent)
      .filter((name) => name !== 'monitors'),
    [],
  );
}

describe('RUN', { skip: !canRun }, () => {
  test('a layer has what the process wrote, and of what was mounted on only what Docker leaves', async () => {
    await using harness = new Harness();
    const set = await setUp(harness);
    const { names, output } = await set.run('echo $A > /home/file; cat /etc/resolv.conf; hostname; env | grep HOSTNAME; true');
    assert.deepEqual(names, ['etc', 'home', 'home/file']);
    assert.equal(output, 'nameserver 192.0.2.1\nbuildkitsandbox\n');
    await assertClean(harness, set);
  });

  test('the same command twice gives the same layer when it writes nothing', async () => {
    await using harness = new Harness();
    const set = await setUp(harness);
    const [first, second] = [await set.run('true'), await set.run('true')];
    assert.equal(first.layer.diffId, second.layer.diffId);
  });

  test('a process that fails is told with its words and exit code', async () => {
    await using harness = new Harness();
    const set = await setUp(harness);
    await assert.rejects(set.run('exit 7'), (error) => {
      assert.ok(error instanceof ProcessFailure);
      assert.equal(error.message, 'process "/bin/sh -c exit 7" did not complete successfully: exit code: 7');
      assert.equal(error.exitCode, 7);
      return true;
    });
    await assert.rejects(
      set.run('', { work: { arguments: ['/nowhere'] } }),
      /process "\/nowhere" did not complete successfully: exit code: 127/,
    );
    await assertClean(harness, set);
  });

  test('cancelling kills the process and leaves nothing', async () => {
    await using harness = new Harness();
    const set = await setUp(harness);
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('no longer wanted')), 300);
    const before = performance.now();
    await assert.rejects(set.run('sleep 60', { signal: stop.signal }), /no longer wanted/);
    assert.ok(performance.now() - before < 5000);
    await assertClean(harness, set);
  });

  test('secrets are files in memory or variables, and are nowhere afterwards', async () => {
    await using harness = new Harness();
    const set = await setUp(harness);
    const secret = { type: 'secret', id: 's', required: true, mode: 0o400, uid: 0, gid: 0 } as const;
    const client = { secret: async (id: string) => (id === 's' ? Buffer.from('hush') : undefined) };
    const { output, names } = await set.run('cat /run/secrets/s; echo " $V"; grep /run/secrets /proc/mounts | head -c 5', {
      mounts: [
        { ...secret, target: '/run/secrets/s', variable: undefined },
        { ...secret, target: undefined, variable: 'V' },
        { ...secret, id: 'none', target: '/run/none', variable: undefined, required: false },
      ],
      client,
    });
    assert.equal(output, 'hush hush\ntmpfs');
    assert.deepEqual(names, ['etc']);
    await assert.rejects(
      set.run('true', { mounts: [{ ...secret, id: 'none', target: '/x', variable: undefined }], client }),
      /secret none: not found/,
    );
    await assertClean(harness, set);
  });

  test('cache mounts keep their files; the layer does not have them, nor the directories made for them', async () => {
    await using harness = new Harness();
    const set = await setUp(harness);
    const cache: RunMount = {
      ...{ type: 'cache', id: 'c', target: '/deep/er/cache', sharing: 'locked', readOnly: false, source: undefined, sourcePath: '/' },
      ...{ mode: 0o755, uid: 0, gid: 0 },
    };
    const first = await set.run('echo kept > /deep/er/cache/file', { mounts: [cache] });
    assert.deepEqual(first.names, ['etc']);
    const second = await set.run('cat /deep/er/cache/file', { mounts: [cache] });
    assert.equal(second.output, 'kept\n');
    await assertClean(harness, set);
  });

  test('files of here-documents and a tmpfs are there for the process only', async () => {
    await using harness = new Harness();
    const set = await setUp(harness);
    const { output, names } = await set.run('cat /dev/pipes/EOF; touch /scratch/x; ls /scratch', {
      mounts: [{ type: 'tmpfs', target: '/scratch', size: 1 << 20 }],
      work: { files: [{ path: '/dev/pipes/EOF', content: 'text\n', mode: 0o644 }] },
    });
    assert.equal(output, 'text\nx\n');
    assert.deepEqual(names, ['etc']);
    await assertClean(harness, set);
  });
});
