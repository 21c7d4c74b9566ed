import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, GantryError, isKind } from '../../base/index.ts';
import { removeTree } from '../../host/index.ts';
import type { LayerLease, LayerRecord } from '../../images/index.ts';
import type { ContainerSpec, ResolvedMount } from '../../model/index.ts';
import { StartError } from '../../runtime/index.ts';
import type { BuildClient } from '../builder.ts';
import type { BuildParts } from '../parts.ts';
import type { RunWork } from '../plan/plan.ts';
import { captureLayer } from './capture.ts';
import { MountPoints } from './mount-points.ts';
import { type MountedSource, prepareMounts } from './mounts.ts';
import { type ProcessSettings, processSpec, STEP_HOSTNAME } from './process-spec.ts';

export interface RunRequest {
  work: RunWork;
  /** Diff ids that it runs on, base first. */
  layers: readonly string[];
  /** For each mount of the work that takes files from somewhere: where they are. */
  sources: readonly (MountedSource | undefined)[];
  settings: ProcessSettings;
  client: BuildClient;
  lease: LayerLease;
  sourceDateEpoch: number | undefined;
  output: (stream: 1 | 2, data: Uint8Array) => void;
  /** The container is there, and its process about to start. */
  running: (containerId: string) => void;
}

/** The process of a step ended badly. */
export class ProcessFailure extends GantryError {
  readonly command: string;
  readonly exitCode: number;

  constructor(words: readonly string[], exitCode: number, options: { outOfMemory?: boolean; cause?: unknown } = {}) {
    const why = options.outOfMemory ? ': cannot allocate memory' : '';
    super('internal', `${failed(words)}: exit code: ${exitCode}${why}`, {
      ...(options.cause === undefined ? {} : { cause: options.cause }),
    });
    this.command = words.join(' ');
    this.exitCode = exitCode;
  }
}

/** Runs a process on top of these layers; what it changes becomes a layer. Everything else that was made for it goes. */
export async function runStep(parts: BuildParts, request: RunRequest, signal: AbortSignal): Promise<LayerRecord> {
  const id = parts.ids.next();
  const { layers } = parts.images;
  await using undo = new AsyncDisposableStack();
  undo.defer(() => layers.remove(id));
  await parts.assembly.createRoot(id, request.layers);
  const root = await layers.mount(id);
  const folder = join(parts.runFolder, id.slice(0, 16));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  undo.defer(() => removeTree(parts.runFolder, folder));
  await runProcess(parts, request, { id, root, folder }, signal);
  await layers.unmount(id);
  return await captureLayer(parts, id, request, signal);
}

async function runProcess(
  parts: BuildParts,
  request: RunRequest,
  place: { id: string; root: string; folder: string },
  signal: AbortSignal,
): Promise<void> {
  const { id, root, folder } = place;
  const { network } = parts;
  await using undo = new AsyncDisposableStack();
  const prepared = undo.use(await prepareMounts(parts, request, folder, signal));
  const spec = processSpec(request.work, request.settings, prepared.environment);
  const attachment = await network.attach({ containerId: id, name: 'a build', spec }, signal);
  undo.defer(() => network.detach(id));
  const names = await nameFiles(parts, spec, attachment, folder);
  const points = new MountPoints(root);
  points.makeLasting(['/dev', '/proc', '/sys']);
  points.make([...prepared.targets, ...names.map(({ target }) => ({ path: target, type: 'file' as const }))]);
  undo.defer(() => points.clear());
  const created = {
    id,
    spec,
    rootfs: root,
    mounts: [...names, ...prepared.mounts],
    networkNamespace: attachment.namespace || undefined,
    joinPids: {},
  };
  await execute(parts, created, request, signal);
}

async function nameFiles(
  parts: BuildParts,
  spec: ContainerSpec,
  attachment: Awaited<ReturnType<BuildParts['network']['attach']>>,
  folder: string,
): Promise<ResolvedMount[]> {
  const [resolver, hosts] = await Promise.all([
    parts.network.resolverFile(spec, attachment),
    parts.network.hostsFile(spec, undefined, STEP_HOSTNAME, [{ address: '127.0.0.1', names: [STEP_HOSTNAME] }]),
  ]);
  const files = [
    { name: 'resolv.conf', text: resolver },
    { name: 'hosts', text: hosts },
  ];
  await Promise.all(files.map(({ name, text }) => writeFile(join(folder, name), text, { mode: 0o644 })));
  const options = ['bind', 'ro', 'nosuid', 'nodev', 'noexec'];
  return files.map(({ name }) => ({ type: 'bind', source: join(folder, name), target: `/etc/${name}`, options }));
}

type Creation = Parameters<BuildParts['runtime']['create']>[0];

/** Runs the process to its end, or kills it when nobody wants it any more. */
async function execute(parts: BuildParts, creation: Creation, request: RunRequest, signal: AbortSignal): Promise<void> {
  const { runtime, exits, log } = parts;
  const { id } = creation;
  const words = request.work.arguments;
  await using undo = new AsyncDisposableStack();
  const exited = exits.of(id);
  undo.defer(() => exits.forget(id));
  await startable(words, request.output, () => runtime.create(creation, signal));
  undo.defer(() => runtime.remove(id));
  request.running(id);
  const stop = () =>
    void runtime
      .killAll(id)
      .catch((error) => log.warn('a cancelled step could not be killed at once', { step: id, error: describe(error) }));
  const session = await runtime.attach(id);
  undo.defer(() => session.close());
  const drained = new Promise<void>((resolve) => session.onEnd(resolve));
  session.onOutput((stream, data) => request.output(stream, Uint8Array.from(data)));
  signal.throwIfAborted();
  signal.addEventListener('abort', stop, { once: true });
  undo.defer(() => signal.removeEventListener('abort', stop));
  await startable(words, request.output, () => runtime.start(id));
  const exit = await exited;
  await drained;
  signal.throwIfAborted();
  if (exit.exitCode !== 0) throw new ProcessFailure(words, exit.exitCode, { outOfMemory: exit.oomKilled });
}

/** What cannot even begin is the step's failure: a command that is not there is told in its output, as a shell would. */
async function startable<T>(words: readonly string[], output: RunRequest['output'], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isKind(error, 'invalid')) throw error;
    const { message } = error as GantryError;
    if (!(error instanceof StartError)) throw new GantryError('invalid', `${failed(words)}: ${message}`, { cause: error });
    output(2, Buffer.from(`${message}\n`));
    throw new ProcessFailure(words, error.exitCode, { cause: error });
  }
}

const failed = (words: readonly string[]): string => `process ${JSON.stringify(words.join(' '))} did not complete successfully`;
