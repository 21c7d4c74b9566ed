import { describe, GantryError } from '../../base/index.ts';
import type { LayerLease } from '../../images/index.ts';
import { InlineCache } from '../cache/inline-cache.ts';
import type { StepRecord } from '../cache/record.ts';
import { BuildStepError } from '../errors.ts';
import type { HistoryEntry } from '../export/document.ts';
import type { BuildParts } from '../parts.ts';
import type { CopyWork, PlannedStep, StepWork } from '../plan/plan.ts';
import { ProcessFailure } from '../steps/run.ts';
import { type AnnouncedStage, announceSteps } from './announce.ts';
import type { BuildPlan, MadeBase, StageToMake } from './build-plan.ts';
import { checkEntitlements } from './entitlements.ts';
import type { StepProgress } from './progress.ts';
import { SourceTrees } from './source-trees.ts';
import { StepTasks, type Task } from './tasks.ts';
import { LayerTrees } from './trees.ts';

/** What a stage came to. */
export interface SolvedStage {
  /** Diff ids, base first. */
  layers: readonly string[];
  history: readonly HistoryEntry[];
  /** Cache keys of its own steps that made layers; undefined for a layer of the base. */
  keys: readonly (string | undefined)[];
}

/** Makes the stages of a plan: side by side as far as they don't wait for each other, each step from the cache if it is there. */
export class Solver {
  readonly trees: LayerTrees;
  readonly #parts: BuildParts;
  readonly #plan: BuildPlan;
  readonly #lease: LayerLease;
  readonly #undo: AsyncDisposableStack;
  readonly #stages = new Map<number, Promise<SolvedStage>>();
  readonly #inline: InlineCache;
  readonly #tasks: StepTasks;
  #announced: ReadonlyMap<number, AnnouncedStage> = new Map();
  #contextStep: StepProgress | undefined;

  constructor(parts: BuildParts, plan: BuildPlan, lease: LayerLease, undo: AsyncDisposableStack) {
    this.#parts = parts;
    this.#plan = plan;
    this.#lease = lease;
    this.#undo = undo;
    this.trees = new LayerTrees(parts, lease, undo);
    this.#inline = new InlineCache(parts, plan.request, lease);
    const sources = new SourceTrees(
      plan,
      this.trees,
      async (index) => (await this.#stage(index)).layers,
      () => this.#contextStep,
    );
    this.#tasks = new StepTasks(parts, plan, { lease, undo }, sources);
  }

  /** Id of the target's last step. */
  get lastStep(): string | undefined {
    return this.#announced.get(this.#target.planned.stage.index)?.last;
  }

  get #target(): StageToMake {
    return this.#plan.stages.at(-1) as StageToMake;
  }

  async run(outer: AbortSignal): Promise<SolvedStage> {
    const stop = new AbortController();
    const signal = AbortSignal.any([outer, stop.signal]);
    const { contextStep, stages } = announceSteps(this.#plan);
    this.#announced = stages;
    this.#contextStep = contextStep;
    checkEntitlements(this.#plan, this.#parts.defaults.entitlements);
    await this.#inline.load(this.#plan.progress, signal);
    for (const stage of this.#plan.stages) this.#stages.set(stage.planned.stage.index, this.#startStage(stage, signal));
    const all = [...this.#stages.values()];
    for (const stage of all) stage.catch((error) => stop.abort(error));
    try {
      // The first failure counts, and ends the others.
      await Promise.all(all);
    } catch (error) {
      await Promise.allSettled(all);
      throw outer.aborted ? outer.reason : error;
    }
    return await this.#stage(this.#target.planned.stage.index);
  }

  #stage(index: number): Promise<SolvedStage> {
    const stage = this.#stages.get(index);
    if (!stage) throw new GantryError('internal', `Stage ${index} is used, but not planned`);
    return stage;
  }

  /** After a turn of the loop, so that every stage is known to those that wait for it. */
  async #startStage(stage: StageToMake, signal: AbortSignal): Promise<SolvedStage> {
    await Promise.resolve();
    const announced = this.#announced.get(stage.planned.stage.index) as AnnouncedStage;
    const base = await this.#base(stage, announced, signal);
    const layers = [...base.layers];
    const keys = [...base.keys];
    const history = [...base.history];
    for (const [index, step] of stage.evaluated.steps.entries()) {
      signal.throwIfAborted();
      const record = step.work
        ? await this.#step(stage, step, step.work, announced.steps[index] as StepProgress, layers, keys, signal)
        : undefined;
      if (record) {
        layers.push(record.diffId);
        keys.push(record.key);
      } else announced.pass(index);
      history.push(historyOf(step, record));
    }
    return { layers, history, keys };
  }

  async #base({ base, planned }: StageToMake, announced: AnnouncedStage, signal: AbortSignal): Promise<SolvedStage> {
    const from = announced.from;
    if (base.kind === 'scratch' || base.kind === 'stage') {
      const ground = base.kind === 'stage' ? await this.#stage(base.index) : { layers: [], history: [], keys: [] };
      announced.passFrom(ground.keys.at(-1));
      return ground;
    }
    if (base.kind === 'directory') return await this.#directoryLayer(base.name, planned.platform, from, signal);
    if (base.kind === 'build') return await this.#otherBuild(base, from, signal);
    const { image, pulled } = base.found;
    const result = { kind: 'image' as const, id: image.id };
    if (pulled) from?.complete(result);
    else from?.completeCached(result);
    const history = (Array.isArray(image.rawConfig.history) ? image.rawConfig.history : []) as HistoryEntry[];
    return { layers: image.layers, history, keys: image.layers.map(() => undefined) };
  }

  async #otherBuild(base: Extract<MadeBase, { kind: 'build' }>, from: StepProgress | undefined, signal: AbortSignal): Promise<SolvedStage> {
    from?.start();
    const solved = await base.build.layers(signal);
    for (const layer of solved.layers) this.#lease.add(layer);
    from?.complete();
    return solved;
  }

  /** A named context that is a directory, as the ground of a stage: all its files in one layer. */
  async #directoryLayer(name: string, platform: string, from: StepProgress | undefined, signal: AbortSignal): Promise<SolvedStage> {
    const work: CopyWork = {
      kind: 'copy',
      instruction: 'COPY',
      source: { kind: 'named-context', name },
      paths: ['.'],
      heredocs: [],
      destination: '/',
      chown: undefined,
      chmod: undefined,
      link: true,
      parents: false,
      exclude: [],
      unpack: undefined,
      checksum: undefined,
      keepGitDir: false,
    };
    const step = from ?? this.#plan.progress.announce(`load context ${name}`);
    const task = await this.#tasks.plan(work, platform, [], step, signal);
    const record = await this.#obtain(task, `context ${name}`, step, [], false, signal);
    return { layers: [record.diffId], history: [], keys: [record.key] };
  }

  /** One step: from the cache, from another build that makes it now, or made. */
  async #step(
    stage: StageToMake,
    step: PlannedStep,
    work: StepWork,
    shown: StepProgress,
    layers: readonly string[],
    keys: readonly (string | undefined)[],
    signal: AbortSignal,
  ): Promise<StepRecord> {
    try {
      const task = await this.#tasks.plan(work, stage.planned.platform, layers, shown, signal);
      const parents = keys.findLast((key) => key !== undefined);
      return await this.#obtain(task, step.text, shown, parents === undefined ? [] : [parents], this.#ignoresCache(stage), signal);
    } catch (error) {
      throw this.#failure(error, step, shown, signal);
    }
  }

  async #obtain(
    task: Task,
    description: string,
    shown: StepProgress,
    parents: string[],
    ignoreCache: boolean,
    signal: AbortSignal,
  ): Promise<StepRecord> {
    const { steps, made, limiter, clock } = this.#parts;
    const { key } = task;
    const kept = ignoreCache ? undefined : (steps.find(key) ?? (await this.#inline.find(key, description, shown, signal)));
    if (kept) return this.#use(kept, shown);
    shown.start();
    // A build without a cache makes its own.
    const place = ignoreCache ? `${key} ${this.#parts.ids.next()}` : key;
    const make = async () => {
      const layer = await limiter.run(task.make);
      const now = clock.timestamp();
      const record: StepRecord = {
        ...{ key, description, parents },
        diffId: layer.diffId,
        size: layer.size,
        createdAt: now,
        lastUsedAt: now,
        usageCount: 1,
      };
      await steps.add(record);
      this.#undo.defer(steps.hold(key));
      return record;
    };
    const record = await made.join(place, signal, make, (other) => this.#hold(other));
    shown.complete({ kind: 'cache', id: record.key });
    return record;
  }

  #use(record: StepRecord, shown: StepProgress): StepRecord {
    this.#hold(record);
    this.#parts.steps.touch(record.key);
    shown.completeCached({ kind: 'cache', id: record.key });
    return record;
  }

  #hold(record: StepRecord): StepRecord {
    this.#lease.add(record.diffId);
    this.#undo.defer(this.#parts.steps.hold(record.key));
    return record;
  }

  #ignoresCache({ planned }: StageToMake): boolean {
    const { noCache } = this.#plan.request;
    if (typeof noCache === 'boolean') return noCache;
    return noCache.some((name) => name.toLowerCase() === planned.stage.name || name === String(planned.stage.index));
  }

  #failure(error: unknown, step: PlannedStep, shown: StepProgress, signal: AbortSignal): unknown {
    // Something else failed that this one waits for, or nobody wants it any more.
    if (error instanceof BuildStepError || signal.aborted) {
      shown.cancel();
      return signal.aborted ? signal.reason : error;
    }
    shown.fail(error instanceof ProcessFailure ? error.message : error);
    const at = {
      stepId: shown.id,
      ranges: [step.range],
      source: this.#plan.source,
      ...(error instanceof ProcessFailure ? { command: error.command, exitCode: error.exitCode } : {}),
    };
    // Why a process did not begin is in its output already.
    const words = error instanceof ProcessFailure ? error.message : describe(error);
    return new BuildStepError(words.startsWith(CHECKSUM) ? `failed to compute cache key: ${words}` : words, at, { cause: error });
  }
}

/** How a message begins that says that a file to take is not there. */
const CHECKSUM = 'failed to calculate checksum';

function historyOf(step: PlannedStep, record: StepRecord | undefined): HistoryEntry {
  return {
    ...(record ? { created: record.createdAt } : {}),
    created_by: step.createdBy,
    comment: step.comment,
    ...(record ? {} : { empty_layer: true }),
  };
}
