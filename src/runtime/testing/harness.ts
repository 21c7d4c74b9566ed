import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomIds, silentLog, systemClock } from '../../base/index.ts';
import { openCgroups, unmount } from '../../host/index.ts';
import type { ContainerSpec } from '../../model/index.ts';
import { plainSpec } from '../../model/testing/spec.ts';
import { type CreateRequest, createRuntime, type ExitRecord, type Runtime, type StreamSession } from '../index.ts';

const BUSYBOX = '/bin/busybox';
const APPLETS = [
  'sh',
  'true',
  'false',
  'sleep',
  'cat',
  'echo',
  'ps',
  'ls',
  'id',
  'head',
  'yes',
  'env',
  'dd',
  'seq',
  'pwd',
  'kill',
  'stty',
  'hostname',
  'mount',
  'printf',
  'wc',
  'touch',
  'test',
  'mknod',
  'grep',
  'tail',
  'date',
];

/** Real containers need root, busybox, conmon and crun. */
export const canRun = process.getuid?.() === 0 && existsSync(BUSYBOX) && ['/usr/bin/conmon', '/usr/local/bin/conmon'].some(existsSync);

/** One house of containers in a temporary folder: a root file system made of busybox and any number of runtimes on it. */
export class Harness implements AsyncDisposable {
  readonly base = mkdtempSync(join(tmpdir(), 'gantry-runtime-'));
  readonly rootfs = join(this.base, 'rootfs');
  readonly clock = systemClock();
  readonly cgroupParent = `/gantry-test-${process.pid}-${Math.floor(performance.now() * 1000)}`;
  #ids = randomIds();
  #runtimes: Runtime[] = [];
  /** A daemon is kept alive by its listeners; a test by this. */
  #awake = setInterval(() => {}, 1000);

  constructor() {
    for (const directory of ['bin', 'dev', 'etc', 'proc', 'root', 'sbin', 'sys', 'tmp', 'home/bob'])
      mkdirSync(join(this.rootfs, directory), { recursive: true });
    copyFileSync(BUSYBOX, join(this.rootfs, 'bin/busybox'));
    for (const applet of APPLETS) symlinkSync('busybox', join(this.rootfs, 'bin', applet));
    writeFileSync(join(this.rootfs, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nbob:x:1000:1000::/home/bob:/bin/sh\n');
    writeFileSync(join(this.rootfs, 'etc/group'), 'root:x:0:\nwheel:x:10:root,bob\nbob:x:1000:\n');
  }

  /** A further runtime on the same folders: what a restarted daemon would have. */
  async open(): Promise<Runtime> {
    const runtime = await createRuntime({
      dataRoot: join(this.base, 'data'),
      execRoot: join(this.base, 'run'),
      cgroupParent: this.cgroupParent,
      runtimes: { absent: { path: '/nowhere/absent-runtime' } },
      defaultRuntime: 'crun',
      clock: this.clock,
      log: silentLog,
    });
    this.#runtimes.push(runtime);
    return runtime;
  }

  request(spec: Partial<ContainerSpec> = {}, rest: Partial<CreateRequest> = {}): CreateRequest {
    return {
      id: this.#ids.next(),
      spec: containerSpec(spec),
      rootfs: this.rootfs,
      mounts: [],
      networkNamespace: undefined,
      joinPids: {},
      ...rest,
    };
  }

  execId(): string {
    return this.#ids.next();
  }

  logDirectory(id: string): string {
    return join(this.base, 'data/containers', id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const [runtime] = this.#runtimes;
    for (const id of (await runtime?.list()) ?? []) await runtime?.remove(id);
    const cgroups = openCgroups(silentLog);
    for (const child of cgroups.list(this.cgroupParent)) await cgroups.remove(`${this.cgroupParent}/${child}`);
    await cgroups.remove(this.cgroupParent);
    // runc makes the parent in the hierarchies too that Gantry leaves alone.
    for (const hierarchy of readdirSync('/sys/fs/cgroup')) {
      const parent = join('/sys/fs/cgroup', hierarchy, this.cgroupParent);
      if (existsSync(parent)) rmdirSync(parent);
    }
    if (existsSync(join(this.base, 'run/cgroup'))) await unmount(join(this.base, 'run/cgroup'), { lazy: true });
    rmSync(this.base, { recursive: true, force: true });
    clearInterval(this.#awake);
  }
}

/** A container that runs `true` on the host's network, with nothing left for the engine to fill in. */
export function containerSpec(patch: Partial<ContainerSpec>): ContainerSpec {
  return plainSpec({
    platform: 'linux/amd64',
    hostname: 'box',
    command: ['true'],
    stopSignal: 'SIGTERM',
    cgroupNamespaceMode: { kind: 'host' },
    networkMode: { kind: 'host' },
    runtime: '',
    cgroupParent: '',
    ...patch,
  });
}

/** Waits for the exit of each container by id, whether it came before or comes after the question. */
export function exitsOf(runtime: Runtime): (id: string) => Promise<ExitRecord> {
  const seen = new Map<string, ExitRecord>();
  const waiting = new Map<string, (exit: ExitRecord) => void>();
  runtime.onExit((exit) => {
    seen.set(exit.id, exit);
    waiting.get(exit.id)?.(exit);
  });
  return (id) => {
    const known = seen.get(id);
    return known ? Promise.resolve(known) : new Promise((resolve) => waiting.set(id, resolve));
  };
}

/** Everything that a session tells, as text. */
export function collect(session: StreamSession): {
  ended: Promise<{ stdout: string; stderr: string }>;
  until(text: string): Promise<void>;
} {
  const output = { stdout: '', stderr: '' };
  const waiting: { text: string; resolve: () => void }[] = [];
  session.onOutput((stream, data) => {
    output[stream === 1 ? 'stdout' : 'stderr'] += Buffer.from(data).toString();
    for (const { text, resolve } of waiting) if (output.stdout.includes(text)) resolve();
  });
  return {
    ended: new Promise((resolve) => session.onEnd(() => resolve(output))),
    until: (text) => (output.stdout.includes(text) ? Promise.resolve() : new Promise((resolve) => waiting.push({ text, resolve }))),
  };
}

/** Runs a container to its end and removes it. */
export async function runToEnd(runtime: Runtime, request: CreateRequest): Promise<{ stdout: string; stderr: string; exit: ExitRecord }> {
  const exited = exitsOf(runtime);
  await runtime.create(request);
  const streams = collect(await runtime.attach(request.id));
  await runtime.start(request.id);
  const exit = await exited(request.id);
  const output = await streams.ended;
  await runtime.remove(request.id);
  return { ...output, exit };
}
