import type { BuilderOptions } from '../create-builder.ts';
import { createSources } from '../sources/index.ts';
import { CacheMounts } from './cache-mounts.ts';
import { StepCache } from './step-cache.ts';
import type { CacheParts } from './usage.ts';

/** Reads the cache: what asks only for that need not load all that builds. */
export async function openCache({ dataRoot, store, clock, ids, log, images }: BuilderOptions): Promise<CacheParts> {
  const { assembly } = images;
  const cache: CacheParts = {
    assembly,
    sources: createSources({ dataRoot, store, clock, ids, log }),
    steps: new StepCache({ store, assembly, clock, log }),
    mounts: new CacheMounts(dataRoot, { store, clock }),
  };
  await cache.steps.load();
  await cache.mounts.load();
  return cache;
}
