import { mkdir } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { invalid } from '../../base/index.ts';
import { removeTree } from '../../host/index.ts';
import type { LayerLease, LayerRecord } from '../../images/index.ts';
import { isRemote } from '../files/index.ts';
import type { BuildParts } from '../parts.ts';
import type { CopyWork, RunWork, StepWork } from '../plan/plan.ts';
import type { MountedSource } from '../steps/mounts.ts';
import { networkOf, type ProcessSettings } from '../steps/process-spec.ts';
import { runStep } from '../steps/run.ts';
import { workdirStep, writeLayer } from '../steps/workdir.ts';
import type { BuildPlan } from './build-plan.ts';
import { stepKey } from './keys.ts';
import type { StepProgress } from './progress.ts';
import type { SourceTrees } from './source-trees.ts';

/** How a step is made, once it is clear that nobody has made it yet. */
export interface Task {
  /** Of the cache. */
  key: string;
  make: () => Promise<LayerRecord>;
}

/** Finds out what a step takes, and so its key; how to make it is told along with that. */
export class StepTasks {
  readonly #parts: BuildParts;
  readonly #plan: BuildPlan;
  readonly #lease: LayerLease;
  readonly #undo: AsyncDisposableStack;
  readonly #sources: SourceTrees;

  constructor(parts: BuildParts, plan: BuildPlan, held: { lease: LayerLease; undo: AsyncDisposableStack }, sources: SourceTrees) {
    this.#parts = parts;
    this.#plan = plan;
    this.#lease = held.lease;
    this.#undo = held.undo;
    this.#sources = sources;
  }

  /** For a step on these layers (diff ids, base first), in a stage of this platform. */
  plan(work: StepWork, platform: string, layers: readonly string[], shown: StepProgress, signal: AbortSignal): Promise<Task> {
    const chain = [...layers];
    if (work.kind === 'copy') return this.#copy(work, platform, chain, signal);
    if (work.kind === 'run') return this.#run(work, platform, chain, shown, signal);
    const request = { layers: chain, lease: this.#lease, sourceDateEpoch: this.#epoch };
    return Promise.resolve({
      key: stepKey(work, { parent: chain, sourceDateEpoch: this.#epoch }),
      make: () => workdirStep(this.#parts, work, request, signal),
    });
  }

  async #copy(work: CopyWork, platform: string, layers: readonly string[], signal: AbortSignal): Promise<Task> {
    if (this.#plan.request.keepsWithinContext) refuseAbove(work);
    const scratch = join(this.#parts.scratch, this.#parts.ids.next().slice(0, 20));
    await mkdir(scratch, { recursive: true, mode: 0o700 });
    this.#undo.defer(() => removeTree(this.#parts.scratch, scratch));
    const tree = this.#sources.find(work.source, platform, signal);
    const plan = await this.#parts.files.planCopy(work, tree, { sourceDateEpoch: this.#epoch, scratch }, signal);
    const ground = work.link ? [] : layers;
    const key = stepKey(work, { parent: work.link ? undefined : layers, copied: plan.digest, sourceDateEpoch: this.#epoch });
    const request = { layers: ground, lease: this.#lease, sourceDateEpoch: this.#epoch };
    return { key, make: () => writeLayer(this.#parts, request, (root) => plan.apply(root, signal), signal) };
  }

  async #run(work: RunWork, platform: string, layers: readonly string[], shown: StepProgress, signal: AbortSignal): Promise<Task> {
    const { request } = this.#plan;
    const sources = await Promise.all(work.mounts.map((mount) => this.#mounted(mount, platform, signal)));
    const settings = this.#settings();
    const key = stepKey(work, {
      parent: layers,
      mounted: sources.map((source) => source?.digest),
      network: networkOf(work, settings).kind,
      extraHosts: request.extraHosts,
      sourceDateEpoch: this.#epoch,
    });
    const make = () =>
      runStep(
        this.#parts,
        {
          ...{ work, layers, sources, settings },
          client: request.client,
          lease: this.#lease,
          sourceDateEpoch: this.#epoch,
          output: (stream, data) => shown.log(stream, data),
          running: (container) => shown.runIn(container),
        },
        signal,
      );
    return { key, make };
  }

  async #mounted(mount: RunWork['mounts'][number], platform: string, signal: AbortSignal): Promise<MountedSource | undefined> {
    const source = mount.type === 'bind' || mount.type === 'cache' ? mount.source : undefined;
    if (source === undefined || !('sourcePath' in mount)) return undefined;
    const tree = this.#sources.find(source, platform, signal);
    return { tree, digest: await this.#parts.files.digestOf(tree, mount.sourcePath, signal) };
  }

  #settings(): ProcessSettings {
    const { request } = this.#plan;
    const { runtime, cgroupParent } = this.#parts.defaults;
    const { network, extraHosts, resources, ulimits, shmSize } = request;
    return { network, extraHosts, resources, ulimits, shmSize, runtime, cgroupParent: request.cgroupParent || cgroupParent };
  }

  get #epoch(): number | undefined {
    return this.#plan.plan.sourceDateEpoch;
  }
}

/** The classic builder's words. */
function refuseAbove({ instruction, source, paths }: CopyWork): void {
  if (source.kind !== 'context') return;
  const above = paths.filter((path) => !isRemote(path)).find((path) => /^\.\.(\/|$)/.test(posix.normalize(path.replace(/^\/+/, ''))));
  if (above !== undefined) throw invalid(`${instruction} failed: forbidden path outside the build context: ${above} ()`);
}
