import { PassThrough, Readable } from 'node:stream';
import { type Clock, conflict, notFound } from '../../../base/index.ts';
import type { Engine, HostDescription } from '../../../engine/index.ts';
import { type ContainerRecord, type ContainerSpec, type Event, freshState, type ImageRecord } from '../../../model/index.ts';
import { plainImage } from '../../../model/testing/image.ts';
import { plainExec } from '../../../model/testing/spec.ts';

/** For tests: a host with two processors that knows crun and runc. */
export const FAKE_HOST: HostDescription = {
  kernelVersion: '6.1.0',
  operatingSystem: 'Debian GNU/Linux',
  osVersion: '12',
  architecture: 'x86_64',
  processors: 2,
  memory: 4 << 30,
  hostname: 'fake',
  dataRoot: '/var/lib/gantry',
  cgroupVersion: 'v2',
  weighsBlockIo: true,
  runtimes: { crun: { path: '/usr/bin/crun', version: '1.8' }, runc: { path: '/usr/bin/runc', version: '1.1' } },
  defaultRuntime: 'crun',
  monitorVersion: '2.1',
  initPath: '/usr/bin/tini',
  securityOptions: ['name=seccomp,profile=builtin'],
  labels: [],
  insecureRegistries: [],
  registryMirrors: [],
  warnings: [],
  engineId: 'fake-engine',
  startedAt: '2026-01-01T00:00:00Z',
};

export const FAKE_IMAGE: ImageRecord = plainImage({
  created: '2024-01-01T00:00:00Z',
  layers: [`sha256:${'cd'.repeat(32)}`],
  history: [{ createdBy: 'fake', comment: '', emptyLayer: false }],
  size: 1234,
  taggedAt: '2026-01-01T00:00:00Z',
});

/** Just enough of an engine for the dialect's tests: records in memory, echoing streams. */
export interface FakeEngine {
  engine: Engine;
  records: ContainerRecord[];
  created: unknown[];
  /** Replaces a record's state, as the engine does: by a new record. */
  setState(id: string, patch: Partial<ContainerRecord['state']>): void;
}

export function fakeEngine(clock: Clock): FakeEngine {
  const records: ContainerRecord[] = [];
  const created: unknown[] = [];
  const listeners = new Set<(event: Event) => void>();
  const get = (reference: string) => {
    const found = records.find((record) => record.id === reference || record.name === reference || record.id.startsWith(reference));
    if (!found) throw notFound(`No such container: ${reference}`);
    return found;
  };
  const setState: FakeEngine['setState'] = (id, patch) => {
    const index = records.findIndex((record) => record.id === id);
    const record = records[index];
    if (record) records[index] = { ...record, state: { ...record.state, ...patch } };
  };
  const echo = () => {
    const pipe = new PassThrough();
    return { tty: true, output: pipe, input: pipe };
  };
  const containers = {
    list: () => [...records],
    get,
    async create(request: { name?: string; spec: ContainerSpec; request: unknown }) {
      created.push(request);
      if (request.name && records.some((record) => record.name === request.name))
        throw conflict(`Conflict. The container name "/${request.name}" is already in use`);
      const id = (records.length + 1).toString(16).padStart(64, 'e');
      const spec = {
        ...request.spec,
        imageId: FAKE_IMAGE.id,
        entrypoint: request.spec.entrypoint ?? [],
        command: request.spec.command ?? ['sh'],
      };
      records.push({
        id,
        name: request.name ?? `fake_${records.length}`,
        createdAt: clock.timestamp(),
        spec,
        state: freshState(),
        request: request.request,
      });
      return { id, warnings: [] };
    },
    async start(reference: string) {
      setState(get(reference).id, { status: 'running', pid: 4242, startedAt: clock.timestamp() });
    },
    wait: (reference: string, _condition: string, signal: AbortSignal) => ({
      id: get(reference).id,
      result: new Promise<{ exitCode: number }>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        setTimeout(() => resolve({ exitCode: 7 }), 50);
      }),
    }),
    attach: async () => echo(),
    logs: () => ({ tty: false, chunks: Readable.from([Buffer.from([1, 0, 0, 0, 0, 0, 0, 2, 104, 10])]) }),
    paths: () => ({ log: '/log', resolver: '/resolv.conf', hostname: '/hostname', hosts: '/hosts' }),
  };
  const images = {
    list: () => [FAKE_IMAGE],
    get(reference: string) {
      if (reference !== 'busybox' && reference !== 'busybox:latest' && reference !== FAKE_IMAGE.id)
        throw notFound(`No such image: ${reference}`);
      return FAKE_IMAGE;
    },
    layers: { path: () => '/root' },
  };
  const engine = {
    containers,
    images,
    execs: {
      create: async () => 'e1',
      of: () => [],
      get: (id: string) => ({
        id,
        containerId: records[0]?.id ?? '',
        spec: plainExec(['cat'], { tty: true, attachStdin: true }),
        running: false,
        started: false,
        pid: 0,
        exitCode: undefined,
      }),
      start: async () => echo(),
    },
    events: {
      publish: (event: Omit<Event, 'timeNano'>) =>
        [...listeners].map((listener) => listener({ ...event, timeNano: 1_700_000_000_123_456_789n })),
      async *subscribe(_options: unknown, signal: AbortSignal) {
        const queue: Event[] = [];
        let wake = () => {};
        const listener = (event: Event) => {
          queue.push(event);
          wake();
        };
        listeners.add(listener);
        signal.addEventListener('abort', () => wake());
        try {
          while (!signal.aborted) {
            const next = queue.shift();
            if (next) yield next;
            else await new Promise<void>((resolve) => (wake = resolve));
          }
        } finally {
          listeners.delete(listener);
        }
      },
    },
    system: { describe: async () => FAKE_HOST },
    volumes: { list: () => [] },
    network: { list: () => [], attachments: () => new Map() },
    imageUse: { usedBy: () => [] },
  };
  // What the tests do not touch is not there: touching it fails loudly.
  return { engine: engine as unknown as Engine, records, created, setState };
}
