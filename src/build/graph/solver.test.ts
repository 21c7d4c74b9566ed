import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { Limiter, randomIds, sha256, silentLog, systemClock } from '../../base/index.ts';
import type { Network } from '../../network/index.ts';
import { canRun, Harness } from '../../runtime/testing/harness.ts';
import { memoryStore } from '../../store/index.ts';
import type { BuildEvent, BuildRequest } from '../builder.ts';
import { CacheMounts } from '../cache/cache-mounts.ts';
import { StepCache } from '../cache/step-cache.ts';
import { pruneCache } from '../cache/usage.ts';
import { BuildStepError } from '../errors.ts';
import type { FileSteps } from '../files/files.ts';
import type { BuildParts } from '../parts.ts';
import type { CopyWork, EvaluatedStage, PlannedStage, PlannedStep, StepWork } from '../plan/plan.ts';
import { ProcessExits } from '../steps/exits.ts';
import { TestLayers } from '../testing/layers.ts';
import type { BuildPlan, MadeBase } from './build-plan.ts';
import { MadeSteps } from './made-steps.ts';
import { PreparedImage } from './prepared.ts';
import { Progress } from './progress.ts';

type StageWritten = { from: 'base' | number; steps: [string, StepWork][] };

const run = (command: string): [string, StepWork] => [
  `RUN ${command}`,
  {
    kind: 'run',
    arguments: ['/bin/sh', '-c', command],
    environment: ['PATH=/bin'],
    proxyEnvironment: [],
    ...{ user: '', workingDirectory: '/', files: [], mounts: [], network: 'default', security: 'sandbox' },
  },
];

const copy = (path: string, destination: string, patch: Partial<CopyWork> = {}): [string, StepWork] => [
  `COPY ${path} ${destination}`,
  {
    kind: 'copy',
    instruction: 'COPY',
    source: { kind: 'context' },
    ...{ paths: [path], heredocs: [], destination, chown: undefined, chmod: undefined, link: false, parents: false, exclude: [] },
    ...{ unpack: undefined, checksum: undefined, keepGitDir: false },
    ...patch,
  },
];

/** Copies single files, as far as these tests need it. */
const files: FileSteps = {
  async planCopy(work, tree) {
    const source = join(await tree.root(), work.paths[0] ?? '');
    return {
      digest: sha256(readFileSync(source)),
      async apply(root) {
        mkdirSync(dirname(join(root, work.destination)), { recursive: true });
        cpSync(source, join(root, work.destination));
      },
    };
  },
  digestOf: async (tree, path) => sha256(readFileSync(join(await tree.root(), path))),
};

/** A builder's parts on plain overlays, a context directory, and builds of stages written by hand. */
async function setUp(harness: Harness) {
  const runtime = await harness.open();
  const store = memoryStore();
  const clock = systemClock();
  const ids = randomIds();
  const layers = new TestLayers(join(harness.base, 'layers'));
  const { assembly, images } = layers;
  const network = {
    attach: async ({ containerId }: { containerId: string }) => ({ containerId, namespace: '', endpoints: [], publishedPorts: [] }),
    detach: async () => undefined,
    resolverFile: async () => '',
    hostsFile: async () => '',
  } as unknown as Network;
  const mounts = new CacheMounts(harness.base, { store, clock });
  const parts = {
    ...{ scratch: join(harness.base, 'scratch'), runFolder: join(harness.base, 'running') },
    ...{ clock, ids, log: silentLog, runtime, network, mounts, images, assembly, files },
    sources: { usage: () => [] },
    steps: new StepCache({ store, assembly, clock, log: silentLog }),
    made: new MadeSteps(),
    exits: new ProcessExits(runtime),
    limiter: new Limiter(4),
    defaults: { runtime: 'crun', cgroupParent: harness.cgroupParent, entitlements: [] },
  } as unknown as BuildParts;
  const ground = await layers.import(harness.rootfs);
  const context = join(harness.base, 'context');
  mkdirSync(context);
  const base: MadeBase = {
    kind: 'image',
    found: { image: { layers: [ground.diffId], rawConfig: {} }, pulled: false } as unknown as Extract<MadeBase, { kind: 'image' }>['found'],
  };

  const prepare = (written: StageWritten[], request: Partial<BuildRequest> = {}) => {
    const events: BuildEvent[] = [];
    const progress = new Progress({ observe: (event) => events.push(event), clock, buildId: ids.next() });
    const plan = {
      request: {
        ...{ noCache: false, cacheFrom: [], entitlements: [], inlineCache: false, extraHosts: [], resources: {}, ulimits: [], shmSize: 0 },
        network: { kind: 'host' },
        client: {},
        ...request,
      },
      source: { filename: 'Dockerfile', data: new Uint8Array() },
      plan: { sourceDateEpoch: undefined },
      stages: written.map((stage, index) => stageOf(stage, index, base)),
      images: new Map(),
      named: new Map(),
      contexts: { main: () => ({ label: 'build context', root: async () => context, knownDigest: () => undefined }) },
      ...{ progress, warnings: [] },
    } as unknown as BuildPlan;
    return { prepared: new PreparedImage(parts, plan, assembly.lease(), new AsyncDisposableStack()), events };
  };
  /** Names of the steps that ran, and what they came to. */
  const build = async (written: StageWritten[], request: Partial<BuildRequest> = {}) => {
    const { prepared, events } = prepare(written, request);
    await using _prepared = prepared;
    const solved = await prepared.layers(AbortSignal.timeout(20_000));
    return { ran: ranSteps(events), layers: solved.layers, history: solved.history };
  };
  return { parts, layers, context, prepare, build };
}

function stageOf({ from, steps }: StageWritten, index: number, ground: MadeBase) {
  const planned = {
    stage: { name: `s${index}`, index, text: 'FROM base' },
    label: `s${index}`,
    base: { kind: 'image', reference: 'busybox' },
    platform: 'linux/amd64',
  } as unknown as PlannedStage;
  const evaluated = {
    steps: steps.map(
      ([text, work]): PlannedStep => ({ text, work, range: { start: 1, end: 1 }, createdBy: text, comment: '', emptyLayer: false }),
    ),
    config: {},
  } as unknown as EvaluatedStage;
  return { planned, evaluated, base: from === 'base' ? ground : ({ kind: 'stage', index: from } as const) };
}

function ranSteps(events: readonly BuildEvent[]): string[] {
  return events.flatMap((event) =>
    event.kind === 'step' && event.step.completed && !event.step.cached && !event.step.configuration && !event.step.error
      ? [event.step.name.replace(/^\[.*\] /, '')]
      : [],
  );
}

describe('a build', { skip: !canRun }, () => {
  test('one changed file makes only the steps from its COPY on run again, and a touched one none', async () => {
    await using harness = new Harness();
    const { build, context, layers } = await setUp(harness);
    writeFileSync(join(context, 'package'), 'one');
    writeFileSync(join(context, 'source'), 'one');
    const stages: StageWritten[] = [
      {
        from: 'base',
        steps: [
          copy('package', '/app/package'),
          run('echo built >> /app/log'),
          copy('source', '/app/source'),
          run('cat /app/source > /app/out'),
        ],
      },
    ];
    const first = await build(stages);
    assert.equal(first.ran.length, 4);
    const again = await build(stages);
    assert.deepEqual(again.ran, []);
    assert.deepEqual(again.layers, first.layers);
    assert.deepEqual(again.history, first.history);
    utimesSync(join(context, 'package'), 1, 1);
    assert.deepEqual((await build(stages)).ran, []);
    writeFileSync(join(context, 'source'), 'two');
    const changed = await build(stages);
    assert.deepEqual(changed.ran, ['COPY source /app/source', 'RUN cat /app/source > /app/out']);
    assert.equal(readFileSync(join(layers.tree(changed.layers.at(-1) as string), 'app/out'), 'utf8'), 'two');
    assert.deepEqual((await build(stages, { noCache: true })).ran.length, 4);
  });

  test('a step that comes out the same again cuts off what follows', async () => {
    await using harness = new Harness();
    const { build } = await setUp(harness);
    const stages = (first: string): StageWritten[] => [{ from: 'base', steps: [run(first), run('echo after > /after')] }];
    await build(stages('true'));
    assert.deepEqual((await build(stages('true || false'))).ran, ['RUN true || false']);
  });

  test('stages run side by side, and one takes files from another', async () => {
    await using harness = new Harness();
    const { build, layers } = await setUp(harness);
    const slow = (name: string) => run(`sleep 0.5; echo ${name} > /${name}`);
    const before = performance.now();
    const { layers: made } = await build([
      { from: 'base', steps: [slow('a')] },
      { from: 'base', steps: [slow('b')] },
      {
        from: 'base',
        steps: [
          slow('c'),
          copy('a', '/from-a', { source: { kind: 'stage', index: 0 } }),
          copy('b', '/from-b', { source: { kind: 'stage', index: 1 } }),
        ],
      },
    ]);
    assert.ok(performance.now() - before < 1400, 'three times half a second, one after the other, takes longer');
    assert.equal(readFileSync(join(layers.tree(made.at(-1) as string), 'from-b'), 'utf8'), 'b\n');
    assert.equal(readFileSync(join(layers.tree(made.at(-2) as string), 'from-a'), 'utf8'), 'a\n');
    assert.deepEqual(layers.roots(), []);
  });

  test('COPY --link stands for itself: another parent does not make it anew', async () => {
    await using harness = new Harness();
    const { build, context } = await setUp(harness);
    writeFileSync(join(context, 'file'), 'x');
    const stages = (first: string): StageWritten[] => [{ from: 'base', steps: [run(first), copy('file', '/file', { link: true })] }];
    await build(stages('echo 1 > /one'));
    assert.deepEqual((await build(stages('echo 2 > /two'))).ran, ['RUN echo 2 > /two']);
  });

  test('two builds at once make the same step once', async () => {
    await using harness = new Harness();
    const { build } = await setUp(harness);
    const stages: StageWritten[] = [{ from: 'base', steps: [run('sleep 0.3; cat /proc/sys/kernel/random/uuid > /id')] }];
    const [one, two] = await Promise.all([build(stages), build(stages)]);
    assert.deepEqual(one.layers, two.layers);
  });

  test('a failing step ends the build with its place, and cancels the others', async () => {
    await using harness = new Harness();
    const { prepare, layers, parts } = await setUp(harness);
    const { prepared, events } = prepare([
      { from: 'base', steps: [run('sleep 30')] },
      { from: 'base', steps: [run('sleep 0.3; echo oh dear; exit 3'), copy('x', '/x', { source: { kind: 'stage', index: 0 } })] },
    ]);
    {
      await using _prepared = prepared;
      await assert.rejects(prepared.layers(AbortSignal.timeout(20_000)), (error) => {
        assert.ok(error instanceof BuildStepError);
        assert.equal(error.exitCode, 3);
        assert.deepEqual(error.ranges, [{ start: 1, end: 1 }]);
        return true;
      });
    }
    const ends = events.flatMap((event) => (event.kind === 'step' && event.step.error ? [event.step.error] : []));
    assert.match(ends[0] ?? '', /did not complete successfully: exit code: 3$/);
    assert.match(ends[1] ?? '', /context canceled$/);
    assert.ok(events.some((event) => event.kind === 'log' && Buffer.from(event.data).toString().includes('oh dear')));
    assert.deepEqual(layers.roots(), []);
    assert.deepEqual(await parts.runtime.list(), []);
  });

  test('cancelling ends everything and leaves nothing', async () => {
    await using harness = new Harness();
    const { prepare, layers, parts } = await setUp(harness);
    const { prepared } = prepare([{ from: 'base', steps: [run('sleep 30')] }]);
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('the client is gone')), 300);
    await assert.rejects(prepared.solve(stop.signal), /the client is gone/);
    await prepared[Symbol.asyncDispose]();
    assert.deepEqual(layers.roots(), []);
    assert.deepEqual(await parts.runtime.list(), []);
    assert.deepEqual(existsSync(parts.scratch) ? readdirSync(parts.scratch) : [], []);
  });

  test('pruning while a build runs leaves what the build uses', async () => {
    await using harness = new Harness();
    const { build, prepare, parts } = await setUp(harness);
    const quick = run('echo quick > /quick');
    await build([{ from: 'base', steps: [run('echo old > /old')] }]);
    await build([{ from: 'base', steps: [quick] }]);
    const { prepared } = prepare([{ from: 'base', steps: [quick, run('sleep 0.5; cat /quick')] }]);
    await using _prepared = prepared;
    const building = prepared.layers(AbortSignal.timeout(20_000));
    await new Promise((resolve) => setTimeout(resolve, 200));
    const { removed } = await pruneCache(parts, { all: true }, { now: Date.now(), free: 0 });
    assert.deepEqual(
      removed.map(({ description }) => description),
      ['RUN echo old > /old'],
    );
    assert.equal((await building).layers.length, 3);
  });
});
