import { unsupported } from '../../base/index.ts';
import type { LayerLease } from '../../images/index.ts';
import type { PreparedBuild, SolvedBuild } from '../builder.ts';
import { exportImage } from '../export/image.ts';
import type { BuildParts } from '../parts.ts';
import type { BuildPlan, StageToMake } from './build-plan.ts';
import { type SolvedStage, Solver } from './solver.ts';

/** One build from its plan to its layers. What it holds goes when it and all that was solved from it are disposed of. */
export class PreparedImage implements PreparedBuild {
  readonly #parts: BuildParts;
  readonly #plan: BuildPlan;
  readonly #lease: LayerLease;
  readonly #undo: AsyncDisposableStack;
  readonly #solver: Solver;
  #solving: Promise<SolvedStage> | undefined;
  #users = 1;
  #disposed = false;

  constructor(parts: BuildParts, plan: BuildPlan, lease: LayerLease, undo: AsyncDisposableStack) {
    this.#parts = parts;
    this.#plan = plan;
    this.#lease = lease;
    this.#undo = undo;
    this.#solver = new Solver(parts, plan, lease, undo);
  }

  get config(): Record<string, unknown> {
    const { platform, author, config } = this.#target.evaluated;
    return { ...platform, ...(author ? { author } : {}), config };
  }

  get warnings() {
    return this.#plan.warnings;
  }

  get #target(): StageToMake {
    return this.#plan.stages.at(-1) as StageToMake;
  }

  /** For builds that start from this one. */
  document(): Record<string, unknown> {
    return this.config;
  }

  async solve(signal: AbortSignal): Promise<SolvedBuild> {
    const solved = await this.layers(signal);
    const { inlineCache } = this.#plan.request;
    this.#users += 1;
    let disposed = false;
    return {
      exportImage: (names) =>
        exportImage(this.#parts, {
          names,
          solved,
          evaluated: this.#target.evaluated,
          lease: this.#lease,
          progress: this.#plan.progress,
          lastStep: this.#solver.lastStep,
          sourceDateEpoch: this.#plan.plan.sourceDateEpoch,
          inlineCache,
        }),
      exportTree: async () => ({ root: await this.#solver.trees.root(solved.layers) }),
      [Symbol.asyncDispose]: async () => {
        if (disposed) return;
        disposed = true;
        await this.#letGo();
      },
    };
  }

  /** The target's layers; a second call joins the first. */
  layers(signal: AbortSignal): Promise<SolvedStage> {
    this.#solving ??= this.#solver.run(signal);
    return this.#solving;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#letGo();
  }

  async #letGo(): Promise<void> {
    this.#users -= 1;
    if (this.#users === 0) await this.#undo.disposeAsync();
  }
}

/** A prepared build of this very room. */
export function imageFrom(build: PreparedBuild): PreparedImage {
  if (build instanceof PreparedImage) return build;
  throw unsupported('a build can only start from a build of the same daemon');
}
