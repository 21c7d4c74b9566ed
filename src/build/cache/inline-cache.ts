import { describe } from '../../base/index.ts';
import type { LayerLease } from '../../images/index.ts';
import type { ImageRecord } from '../../model/index.ts';
import type { BuildRequest } from '../builder.ts';
import { INLINE_CACHE } from '../export/document.ts';
import { hostPlatform } from '../graph/build-plan.ts';
import { BuildImages, longName } from '../graph/images.ts';
import type { Progress } from '../graph/progress.ts';
import type { BuildParts } from '../parts.ts';
import type { StepRecord } from './record.ts';

/** What an image tells of its layers: by position among its diff ids, the step that made it. */
export type InlineEntries = { layer: number; key: string; created: string }[];

/** Steps that images bring along in their configuration (`--cache-from`). An image that can't be had is passed over, as with Docker. */
export class InlineCache {
  readonly #parts: BuildParts;
  readonly #request: BuildRequest;
  readonly #lease: LayerLease;
  readonly #known = new Map<string, { diffId: string; created: string }>();

  constructor(parts: BuildParts, request: BuildRequest, lease: LayerLease) {
    this.#parts = parts;
    this.#request = request;
    this.#lease = lease;
  }

  async load(progress: Progress, signal: AbortSignal): Promise<void> {
    const images = new BuildImages(this.#parts, { ...this.#request, pull: false }, progress);
    for (const reference of this.#request.cacheFrom) {
      const step = progress.announce(`importing cache manifest from ${longName(reference)}`);
      try {
        await step.during(async () => this.#learn(await this.#image(images, reference, step, signal)));
      } catch (error) {
        signal.throwIfAborted();
        this.#parts.log.info('an image was to give its build cache, but cannot be had', { image: reference, error: describe(error) });
      }
    }
  }

  /** A record made of what an image tells, if its layer is here. */
  async find(key: string, description: string): Promise<StepRecord | undefined> {
    const known = this.#known.get(key);
    const layer = known && this.#parts.assembly.layer(known.diffId);
    if (!known || !layer) return undefined;
    const now = this.#parts.clock.timestamp();
    const record: StepRecord = {
      ...{ key, description, parents: [], usageCount: 1, lastUsedAt: now },
      diffId: known.diffId,
      size: layer.size,
      createdAt: known.created,
    };
    await this.#parts.steps.add(record);
    return record;
  }

  async #image(
    images: BuildImages,
    reference: string,
    step: Parameters<BuildImages['pull']>[2],
    signal: AbortSignal,
  ): Promise<ImageRecord> {
    const platform = this.#request.platform ?? hostPlatform();
    const local = images.local(reference);
    return local ?? (await images.pull(reference, platform, step, signal));
  }

  #learn(image: ImageRecord): void {
    const entries = image.rawConfig[INLINE_CACHE];
    if (!Array.isArray(entries)) return;
    for (const entry of entries as Partial<InlineEntries[number]>[]) {
      const diffId = image.layers[entry.layer ?? -1];
      if (diffId === undefined || typeof entry.key !== 'string' || typeof entry.created !== 'string') continue;
      this.#lease.add(diffId);
      this.#known.set(entry.key, { diffId, created: entry.created });
    }
  }
}
