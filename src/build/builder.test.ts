import assert from 'node:assert/strict';
import {
  createReadStream,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { notFound, randomIds, silentLog, systemClock } from '../base/index.ts';
import { listMounts, Trash } from '../host/index.ts';
import { createImages } from '../images/index.ts';
import type { Network } from '../network/index.ts';
import { canRun, Harness } from '../runtime/testing/harness.ts';
import { memoryStore } from '../store/index.ts';
import type { BuildClient, BuildEvent, BuildRequest, ClientEntry } from './builder.ts';
import { createBuilder } from './index.ts';

const BUSYBOX = join(import.meta.dirname, '../../.cache/images/busybox.tar');

/** A builder on real images and processes, with a context folder; the network is the host's. */
class Site implements AsyncDisposable {
  readonly harness = new Harness();
  readonly folder = mkdtempSync(join(tmpdir(), 'gantry-build-'));
  readonly context = join(this.folder, 'context');
  readonly clock = systemClock();
  readonly store = memoryStore();
  #builder: ReturnType<typeof createBuilder> | undefined;
  #images: Awaited<ReturnType<typeof createImages>> | undefined;
  #trash: Trash | undefined;

  async open(): Promise<this> {
    mkdirSync(this.context);
    const common = {
      dataRoot: join(this.folder, 'data'),
      execRoot: join(this.folder, 'run'),
      clock: this.clock,
      ids: randomIds(),
      log: silentLog,
      store: this.store,
    };
    mkdirSync(common.dataRoot);
    const trash = await Trash.open(common.dataRoot, common);
    this.#trash = trash;
    const images = await createImages({ ...common, trash, insecureRegistries: [], registryMirrors: [] });
    this.#images = images;
    await images.load(createReadStream(BUSYBOX), { progress: () => undefined, signal: AbortSignal.timeout(20_000) });
    const network = {
      attach: async ({ containerId }: { containerId: string }) => ({ containerId, namespace: '', endpoints: [], publishedPorts: [] }),
      detach: async () => undefined,
      resolverFile: async () => '',
      hostsFile: async () => '127.0.0.1 localhost\n',
    } as unknown as Network;
    this.#builder = createBuilder({
      ...common,
      ...{ images, network, runtime: await this.harness.open() },
      defaultRuntime: 'crun',
      cgroupParent: this.harness.cgroupParent,
    });
    await this.#builder.start();
    return this;
  }

  get builder() {
    return this.#builder as ReturnType<typeof createBuilder>;
  }

  get images() {
    return this.#images as Awaited<ReturnType<typeof createImages>>;
  }

  write(path: string, text: string): void {
    writeFileSync(join(this.context, path), text);
  }

  /** Builds and keeps the image; `ran` are the steps that were not in the cache. */
  async build(dockerfile: string, patch: Partial<BuildRequest> = {}) {
    const events: BuildEvent[] = [];
    const signal = AbortSignal.timeout(30_000);
    await using prepared = await this.builder.prepare(
      this.request(dockerfile, { observe: (event) => events.push(event), ...patch }),
      signal,
    );
    await using solved = await prepared.solve(signal);
    const { imageId } = await solved.exportImage(['gantry/test:built']);
    return { image: this.images.get(imageId), ran: ranSteps(events), events };
  }

  /** Reads a file of an image. */
  async read(layers: readonly string[], path: string): Promise<string> {
    const id = randomIds().next();
    const root = await this.images.assembly.mountLayers(id, layers);
    try {
      return readFileSync(join(root, path), 'utf8');
    } finally {
      await this.images.layers.remove(id);
    }
  }

  request(dockerfile: string, patch: Partial<BuildRequest>): BuildRequest {
    return {
      dockerfile: { kind: 'text', text: Buffer.from(dockerfile), name: 'Dockerfile' },
      context: { kind: 'client', directory: 'context', sharedKey: 'test' },
      ...{ namedContexts: {}, buildArguments: {}, labels: {}, noCache: false, pull: false, network: { kind: 'host' } },
      ...{ extraHosts: [], resources: {}, ulimits: [], shmSize: 0, cacheFrom: [], inlineCache: false, entitlements: [] },
      client: clientOf(this.context),
      observe: () => undefined,
      ...patch,
    };
  }

  async assertClean(): Promise<void> {
    await this.#trash?.idle();
    assert.deepEqual(await this.images.layers.list(), []);
    assert.deepEqual(
      listMounts(this.folder).map(({ target }) => target),
      [],
    );
    for (const name of ['data/build/scratch', 'run/build'])
      if (existsSync(join(this.folder, name))) assert.deepEqual(readdirSync(join(this.folder, name)), []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.builder[Symbol.asyncDispose]();
    for (const { containerId } of await this.images.layers.list()) await this.images.layers.remove(containerId);
    await this.#trash?.idle();
    await this.harness[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A client that serves one folder of files, and one secret. */
function clientOf(folder: string): BuildClient {
  return {
    async openDirectory(name, filter) {
      if (name !== 'context') throw notFound(`no directory ${name}`);
      const wanted = (path: string) =>
        filter.followPaths.length === 0 ||
        filter.followPaths.some((follow) => path === follow || path.startsWith(`${follow}/`) || follow.startsWith(`${path}/`));
      const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(wanted).sort();
      return {
        async *entries() {
          for (const path of names) yield entryOf(folder, path);
        },
        async *read(entry: ClientEntry) {
          yield readFileSync(join(folder, entry.path));
        },
        finish: async () => undefined,
        [Symbol.asyncDispose]: async () => undefined,
      };
    },
    secret: async (id) => (id === 'token' ? Buffer.from('hush') : undefined),
    checkSshAgent: async () => {
      throw notFound('no agent');
    },
    connectSshAgent: async () => {
      throw notFound('no agent');
    },
    credentials: async () => undefined,
  };
}

function entryOf(folder: string, path: string): ClientEntry {
  const stat = lstatSync(join(folder, path), { bigint: true });
  const type = stat.isDirectory() ? 'directory' : 'file';
  return {
    path,
    type,
    mode: Number(stat.mode & 0o7777n),
    size: type === 'file' ? Number(stat.size) : 0,
    modified: stat.mtimeNs,
    linkName: '',
  };
}

function ranSteps(events: readonly BuildEvent[]): string[] {
  return events.flatMap((event) => {
    if (
      event.kind !== 'step' ||
      event.step.configuration ||
      !event.step.completed ||
      event.step.cached ||
      !/^\[(?!internal)/.test(event.step.name)
    )
      return [];
    return [event.step.name.replace(/^\[.*?\] /, '')];
  });
}

describe('the builder', { skip: !canRun || !existsSync(BUSYBOX) }, () => {
  const DOCKERFILE = `FROM gantry/busybox
ENV A=b
COPY package /app/package
RUN cat /app/package > /app/installed
COPY source /app/source
RUN cat /app/source /app/installed > /app/out
CMD ["cat", "/app/out"]
`;

  test('makes an image, and of a changed file only what comes after its COPY', async () => {
    await using site = await new Site().open();
    site.write('package', 'package ');
    site.write('source', 'one ');
    const first = await site.build(DOCKERFILE);
    assert.equal(await site.read(first.image.layers, 'app/out'), 'one package ');
    assert.deepEqual(first.image.config.cmd, ['cat', '/app/out']);
    assert.ok(first.image.config.env.includes('A=b'));
    assert.deepEqual(
      first.image.history.slice(1).map(({ createdBy, emptyLayer }) => [createdBy, emptyLayer]),
      [
        ['ENV A=b', true],
        ['COPY package /app/package # buildkit', false],
        ['RUN /bin/sh -c cat /app/package > /app/installed # buildkit', false],
        ['COPY source /app/source # buildkit', false],
        ['RUN /bin/sh -c cat /app/source /app/installed > /app/out # buildkit', false],
        ['CMD ["cat" "/app/out"]', true],
      ],
    );

    const again = await site.build(DOCKERFILE);
    assert.deepEqual(again.ran, []);
    assert.equal(again.image.id, first.image.id);

    utimesSync(join(site.context, 'package'), 1, 1);
    site.write('source', 'two ');
    const changed = await site.build(DOCKERFILE);
    assert.deepEqual(changed.ran, ['COPY source /app/source', 'RUN cat /app/source /app/installed > /app/out']);
    assert.equal(await site.read(changed.image.layers, 'app/out'), 'two package ');
    await site.assertClean();
  });

  test('with SOURCE_DATE_EPOCH the same build without a cache gives the same image', async () => {
    await using site = await new Site().open();
    site.write('package', 'x');
    const dockerfile = 'FROM gantry/busybox\nCOPY package /p\nRUN date > /dev/null; echo y > /y; mkdir -p /d/e\nWORKDIR /w\nCMD ["x"]\n';
    const patch = { buildArguments: { SOURCE_DATE_EPOCH: '1700000000' }, noCache: true };
    const first = await site.build(dockerfile, patch);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    utimesSync(join(site.context, 'package'), new Date(), new Date());
    const second = await site.build(dockerfile, patch);
    assert.equal(second.image.id, first.image.id);
    assert.equal(first.image.created, '2023-11-14T22:13:20Z');
  });

  test('stages from nothing, with files of others; secrets are nowhere in the image', async () => {
    await using site = await new Site().open();
    const { image } = await site.build(`FROM gantry/busybox AS make
RUN --mount=type=secret,id=token cat /run/secrets/token | wc -c > /size
FROM gantry/busybox AS unused
RUN exit 1
FROM scratch
COPY --from=make /size /size
COPY --from=make /size /size
`);
    assert.equal(image.layers.length, 2);
    assert.equal((await site.read(image.layers, 'size')).trim(), '4');
    assert.ok(!JSON.stringify(image.rawConfig).includes('hush'));
    await site.assertClean();
  });

  test('tells of its cache, and frees it', async () => {
    await using site = await new Site().open();
    const { image } = await site.build('FROM gantry/busybox\nRUN --mount=type=cache,target=/c echo x > /c/x\nRUN echo 1 > /one\n');
    const kinds = async () => (await site.builder.usage()).map(({ kind, shared }) => `${kind} ${shared}`).sort();
    assert.deepEqual(
      (await kinds()).filter((line) => !line.startsWith('context')),
      ['cache-mount false', 'step true', 'step true'],
    );
    await site.builder.prune({ all: false });
    assert.deepEqual(await kinds(), ['step true', 'step true']);
    await site.builder.prune({ all: true });
    assert.deepEqual(await kinds(), []);
    assert.equal(await site.read(image.layers, 'one'), '1\n');
    await site.images.remove('gantry/test:built', { force: false, prune: true, usedBy: () => [] });
    assert.equal(site.images.assembly.layer(image.layers.at(-1) as string), undefined);
  });
});
