import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, conflict, notFound, silentLog } from '../../base/index.ts';
import type { Images } from '../../images/index.ts';
import type { ContainerSpec, ImageRecord } from '../../model/index.ts';
import type { Attachment, Network } from '../../network/index.ts';
import type { ExitRecord, Runtime, RuntimeObservation } from '../../runtime/index.ts';
import { memoryStore, type Store } from '../../store/index.ts';
import type { Volumes } from '../../volumes/index.ts';
import { createEngine } from '../create-engine.ts';
import type { CreateContainer, Engine } from '../engine.ts';

/** A clock that moves only when told to. */
export class ManualClock implements Clock {
  #now = Date.parse('2026-01-01T00:00:00Z');
  #timers = new Set<{ at: number; run: () => void }>();

  now(): number {
    return this.#now;
  }

  timestamp(): string {
    return new Date(this.#now).toISOString();
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.later(ms, resolve));
  }

  later(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Moves on and runs what is due, in order of time. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].filter((t) => t.at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#timers.delete(next);
      this.#now = next.at;
      next.run();
      await settle();
    }
    this.#now = end;
    await settle();
  }
}

/** Lets everything run that waits for nothing but its turn (file writes included). */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 4));
}

/** Processes that exist only in memory. */
export class FakeRuntime {
  running = new Map<string, { status: 'created' | 'running' | 'paused' }>();
  signals: { id: string; signal: number }[] = [];
  /** Signals that end a process; the others are ignored by it. */
  deadly = new Set([9, 15]);
  failCreate: Error | undefined;
  /** Ends the process within start(), with this code. */
  exitAtStart: number | undefined;
  removed: string[] = [];
  observations = new Map<string, RuntimeObservation>();
  #listeners: ((exit: ExitRecord) => void)[] = [];
  #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  onExit(listener: (exit: ExitRecord) => void): void {
    this.#listeners.push(listener);
  }

  exit(id: string, exitCode: number, oomKilled = false): void {
    if (!this.running.delete(id)) return;
    for (const listener of this.#listeners) listener({ id, exitCode, finishedAt: this.#clock.timestamp(), oomKilled });
  }

  async create({ id }: { id: string }) {
    if (this.failCreate) throw this.failCreate;
    this.running.set(id, { status: 'created' });
    return { pid: 1234, startTime: 1 };
  }

  async start(id: string): Promise<void> {
    this.running.set(id, { status: 'running' });
    if (this.exitAtStart !== undefined) this.exit(id, this.exitAtStart);
  }

  async signal(id: string, signal: number): Promise<void> {
    if (!this.running.has(id)) throw conflict(`no process for ${id}`);
    this.signals.push({ id, signal });
    if (this.deadly.has(signal)) this.exit(id, 128 + signal);
  }

  async killAll(id: string): Promise<void> {
    this.exit(id, 137);
  }

  async pause(): Promise<void> {}
  async resume(): Promise<void> {}

  async remove(id: string): Promise<void> {
    this.running.delete(id);
    this.removed.push(id);
  }

  async removeLogs(): Promise<void> {}

  async list(): Promise<string[]> {
    return [...this.running.keys()];
  }

  async adopt(id: string): Promise<RuntimeObservation> {
    return this.observations.get(id) ?? { status: 'absent' };
  }
}

const image: ImageRecord = {
  id: `sha256:${'a'.repeat(64)}`,
  tags: ['busybox:latest'],
  digests: [],
  architecture: 'amd64',
  os: 'linux',
  created: '',
  author: '',
  comment: '',
  config: {
    user: '',
    exposedPorts: [],
    env: ['PATH=/bin'],
    entrypoint: undefined,
    cmd: ['sh'],
    volumes: [],
    workingDir: '',
    labels: {},
    stopSignal: '',
    healthcheck: undefined,
    onBuild: [],
    shell: undefined,
  },
  rawConfig: {},
  layers: [],
  history: [],
  size: 1,
  taggedAt: '',
};

/** The layers, networks and volumes of an engine under test: what exists is listed, nothing is done. */
export class FakeHouse {
  layers = new Map<string, { mounted: boolean }>();
  attached = new Map<string, Attachment>();
  startedWith: readonly Attachment[] = [];

  images(): Images {
    const { layers } = this;
    const fake = {
      list: () => [image],
      get(reference: string) {
        if (reference !== 'busybox') throw notFound(`No such image: ${reference}`);
        return image;
      },
      onEvent: () => undefined,
      layers: {
        create: async (id: string) => void layers.set(id, { mounted: false }),
        mount: async (id: string) => (layers.set(id, { mounted: true }), `/fake/${id}`),
        unmount: async (id: string) => void (layers.has(id) && layers.set(id, { mounted: false })),
        remove: async (id: string) => void layers.delete(id),
        list: async () => [...layers].map(([containerId, { mounted }]) => ({ containerId, mounted })),
        size: async () => 0,
        path: (id: string) => `/fake/${id}`,
      },
    };
    return fake as unknown as Images;
  }

  network(): Network {
    const { attached } = this;
    const fake = {
      start: async (attachments: readonly Attachment[]) => void (this.startedWith = attachments),
      attach: async ({ containerId }: { containerId: string }) => {
        const attachment: Attachment = { containerId, namespace: '/fake/netns', endpoints: [], publishedPorts: [] };
        attached.set(containerId, attachment);
        return attachment;
      },
      detach: async (id: string) => void attached.delete(id),
      attachments: () => attached,
      resolverFile: async () => '',
      hostsFile: async () => '',
    };
    return fake as unknown as Network;
  }

  volumes(): Volumes {
    return { list: () => [], mount: async () => '/fake', unmount: async () => undefined } as unknown as Volumes;
  }
}

export interface EngineUnderTest extends AsyncDisposable {
  engine: Engine;
  clock: ManualClock;
  runtime: FakeRuntime;
  house: FakeHouse;
  store: Store;
  /** A second engine over the same store and directories, as after kill -9. */
  reborn(prepare?: (runtime: FakeRuntime, house: FakeHouse) => void): Promise<EngineUnderTest>;
}

export async function engineUnderTest(): Promise<EngineUnderTest> {
  const root = await mkdtemp(join(tmpdir(), 'gantry-engine-'));
  return await build(root, memoryStore(), new ManualClock(), () => undefined);
}

async function build(
  root: string,
  store: Store,
  clock: ManualClock,
  prepare: (runtime: FakeRuntime, house: FakeHouse) => void,
): Promise<EngineUnderTest> {
  const runtime = new FakeRuntime(clock);
  const house = new FakeHouse();
  prepare(runtime, house);
  let count = 0;
  const engine = createEngine({
    dataRoot: root,
    execRoot: root,
    clock,
    ids: { next: () => (++count + 0xabc).toString(16).padEnd(64, '0') },
    log: silentLog,
    store,
    images: house.images(),
    network: house.network(),
    volumes: house.volumes(),
    runtime: runtime as unknown as Runtime,
    labels: [],
    insecureRegistries: [],
    registryMirrors: [],
    defaultRuntime: 'crun',
    version: 'test',
  });
  await engine.start();
  return {
    engine,
    clock,
    runtime,
    house,
    store,
    reborn: (then = () => undefined) => build(root, store, clock, then),
    [Symbol.asyncDispose]: async () => {
      await engine[Symbol.asyncDispose]();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** A request for `busybox` with Docker's defaults. */
export function request(patch: Partial<ContainerSpec> = {}, name?: string): CreateContainer {
  return {
    ...(name === undefined ? {} : { name }),
    request: {},
    spec: {
      image: 'busybox',
      platform: '',
      hostname: '',
      domainname: '',
      user: '',
      groupAdd: [],
      workingDirectory: '',
      entrypoint: undefined,
      command: undefined,
      environment: [],
      labels: {},
      annotations: {},
      stopSignal: '',
      init: false,
      tty: false,
      openStdin: false,
      stdinOnce: false,
      attachStdin: false,
      attachStdout: true,
      attachStderr: true,
      mounts: [],
      volumesFrom: [],
      readOnlyRoot: false,
      capabilitiesAdd: [],
      capabilitiesDrop: [],
      privileged: false,
      seccomp: { kind: 'default' },
      noNewPrivileges: false,
      devices: [],
      deviceRules: [],
      resources: {},
      ulimits: [],
      oomScoreAdjust: 0,
      sysctls: {},
      shmSize: 64 << 20,
      ipcMode: { kind: 'private' },
      pidMode: { kind: 'private' },
      utsMode: { kind: 'private' },
      cgroupNamespaceMode: { kind: 'private' },
      networkMode: { kind: 'bridge' },
      networkDisabled: false,
      endpoints: {},
      ports: [],
      exposedPorts: [],
      publishAll: false,
      dnsServers: [],
      dnsSearch: [],
      dnsOptions: [],
      extraHosts: [],
      links: [],
      restart: { name: 'no', maximumRetryCount: 0 },
      autoRemove: false,
      log: { driver: 'json-file', options: {} },
      runtime: 'crun',
      cgroupParent: '/gantry',
      ...patch,
    } as CreateContainer['spec'],
  };
}
