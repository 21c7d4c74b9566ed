import { describe } from '../../base/index.ts';
import type { LayerLease, LayerRecord, RemoteLayers } from '../../images/index.ts';
import type { BuildRequest } from '../builder.ts';
import { INLINE_CACHE } from '../export/document.ts';
import { hostPlatform } from '../graph/build-plan.ts';
import { BuildImages, countingIn, longName } from '../graph/images.ts';
import type { Progress, StepProgress } from '../graph/progress.ts';
import type { BuildParts } from '../parts.ts';
import type { StepRecord } from './record.ts';

/** What an image tells of its layers: by position among its diff ids, the step that made it. */
export type InlineEntries = { layer: number; key: string; created: string }[];

/** A step that an image tells of. `remote` is where its layer is when it is not here. */
interface KnownStep {
  diffId: string;
  created: string;
  remote: RemoteLayers | undefined;
}

/**
 * Steps that images bring along in their configuration (`--cache-from`). Of an image that is not here only the configuration is fetched, and then
 * the layers of those steps that the build wants. An image that can't be had is passed over, as with Docker.
 */
export class InlineCache {
  readonly #parts: BuildParts;
  readonly #request: BuildRequest;
  readonly #lease: LayerLease;
  readonly #known = new Map<string, KnownStep>();

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
        await step.during(() => this.#learn(images, reference, step, signal));
      } catch (error) {
        signal.throwIfAborted();
        this.#parts.log.info('an image was to give its build cache, but cannot be had', { image: reference, error: describe(error) });
      }
    }
  }

  /** A record made of what an image tells, whose layer is here then. */
  async find(key: string, description: string, shown: StepProgress, signal: AbortSignal): Promise<StepRecord | undefined> {
    const known = this.#known.get(key);
    const layer = known && (this.#parts.assembly.layer(known.diffId) ?? (await this.#fetch(known, shown, signal)));
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

  async #fetch({ diffId, remote }: KnownStep, shown: StepProgress, signal: AbortSignal): Promise<LayerRecord | undefined> {
    if (!remote) return undefined;
    shown.start();
    try {
      return await remote.fetch(diffId, this.#lease, { progress: countingIn(shown), signal });
    } catch (error) {
      signal.throwIfAborted();
      this.#parts.log.info('a layer of a build cache cannot be had; the step is made anew', { layer: diffId, error: describe(error) });
      return undefined;
    }
  }

  async #learn(images: BuildImages, reference: string, step: StepProgress, signal: AbortSignal): Promise<void> {
    const local = images.local(reference);
    if (local) return this.#note(local.rawConfig[INLINE_CACHE], local.layers, undefined);
    const remote = await images.peek(reference, this.#request.platform ?? hostPlatform(), step, signal);
    this.#note(remote.config[INLINE_CACHE], remote.layers, remote);
  }

  #note(entries: unknown, layers: readonly string[], remote: RemoteLayers | undefined): void {
    if (!Array.isArray(entries)) return;
    for (const entry of entries as Partial<InlineEntries[number]>[]) {
      const diffId = layers[entry.layer ?? -1];
      if (diffId === undefined || typeof entry.key !== 'string' || typeof entry.created !== 'string') continue;
      if (!remote) this.#lease.add(diffId);
      this.#known.set(entry.key, { diffId, created: entry.created, remote });
    }
  }
}
