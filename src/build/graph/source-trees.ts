import { GantryError } from '../../base/index.ts';
import type { SourceTree } from '../files/files.ts';
import type { FileSource } from '../plan/plan.ts';
import { type BuildPlan, imageKey } from './build-plan.ts';
import type { StepProgress } from './progress.ts';
import type { LayerTrees } from './trees.ts';
import { wantedPaths } from './wanted-paths.ts';

/** What steps take files from: contexts, stages, images. */
export class SourceTrees {
  readonly #plan: BuildPlan;
  readonly #trees: LayerTrees;
  readonly #layersOf: (stage: number) => Promise<readonly string[]>;
  readonly #contextStep: () => StepProgress | undefined;
  #context: SourceTree | undefined;

  /** `layersOf` waits for a stage to be made. */
  constructor(
    plan: BuildPlan,
    trees: LayerTrees,
    layersOf: (stage: number) => Promise<readonly string[]>,
    contextStep: () => StepProgress | undefined,
  ) {
    this.#plan = plan;
    this.#trees = trees;
    this.#layersOf = layersOf;
    this.#contextStep = contextStep;
  }

  find(source: FileSource, platform: string, signal: AbortSignal): SourceTree {
    const { contexts } = this.#plan;
    switch (source.kind) {
      case 'empty':
        return contexts.emptyTree();
      case 'context':
        this.#context ??= contexts.main(
          wantedPaths(this.#plan),
          () => this.#contextStep() ?? this.#plan.progress.announce('[internal] load build context'),
          signal,
        );
        return this.#context;
      case 'stage':
        return this.#trees.tree(`stage ${source.index}`, () => this.#layersOf(source.index));
      case 'image': {
        const found = this.#plan.images.get(imageKey(source.reference, platform));
        if (!found) throw new GantryError('internal', `Image ${source.reference} is used, but was not looked up`);
        return this.#trees.tree(`image ${source.reference}`, async () => found.image.layers);
      }
      case 'named-context':
        return this.#named(source.name, signal);
    }
  }

  #named(name: string, signal: AbortSignal): SourceTree {
    const source = this.#plan.named.get(name);
    if (!source) throw new GantryError('internal', `Context ${name} is used, but was not looked up`);
    if (source.kind === 'image') return this.#trees.tree(`context ${name}`, async () => source.found.image.layers);
    if (source.kind === 'build') return this.#trees.tree(`context ${name}`, async () => (await source.build.layers(signal)).layers);
    return this.#plan.contexts.named(name, source.source, () => this.#plan.progress.announce(`[context ${name}] load from client`), signal);
  }
}
