import { join } from 'node:path';
import { isKind } from '../../base/index.ts';
import { restOfFolder } from '../../host/index.ts';
import type { ImageAssembly } from '../../images/index.ts';
import type { CacheBounds, CacheEntry, PruneOptions } from '../builder.ts';
import type { Sources } from '../sources/sources.ts';
import type { CacheMounts } from './cache-mounts.ts';
import type { StepCache } from './step-cache.ts';

export interface CacheParts {
  steps: StepCache;
  mounts: CacheMounts;
  sources: Sources;
  assembly: ImageAssembly;
}

/** Every piece of the cache, with its bytes on disk. */
export async function cacheEntries(parts: CacheParts): Promise<CacheEntry[]> {
  const layers = await parts.assembly.layersOnDisk();
  return [...stepEntries(parts, layers), ...(await mountEntries(parts)), ...(await parts.sources.usage())];
}

/** Where several steps came to one layer, it counts for the one that was used last, as that one is the last to go. */
function stepEntries({ steps, assembly }: CacheParts, layers: ReadonlyMap<string, number>): CacheEntry[] {
  const newestFirst = steps.list().sort((a, b) => Date.parse(b.lastUsedAt) - Date.parse(a.lastUsedAt));
  const counted = new Set<string>();
  return newestFirst.map((record) => {
    const size = counted.has(record.diffId) ? 0 : (layers.get(record.diffId) ?? 0);
    counted.add(record.diffId);
    return {
      id: record.key,
      kind: 'step',
      layer: record.diffId,
      description: record.description,
      size,
      inUse: steps.isHeld(record.key),
      shared: assembly.inImage(record.diffId),
      createdAt: record.createdAt,
      lastUsedAt: record.lastUsedAt,
      usageCount: record.usageCount,
      parents: record.parents,
    };
  });
}

function mountEntries({ mounts }: CacheParts): Promise<CacheEntry[]> {
  return Promise.all(
    mounts.list().map(async (record) => ({
      id: record.name,
      kind: 'cache-mount' as const,
      description: `cached mount ${record.id}`,
      size: await mounts.size(record.name),
      inUse: mounts.inUse(record.name),
      shared: false,
      createdAt: record.createdAt,
      lastUsedAt: record.lastUsedAt,
      usageCount: record.usageCount,
      parents: [],
    })),
  );
}

/** Bytes on disk below `build/` of what is no entry. */
export async function scratchSize(dataRoot: string, { mounts, sources }: CacheParts): Promise<number> {
  const contexts = new Set((await sources.usage()).map(({ id }) => id));
  const names = new Set(mounts.list().map(({ name }) => name));
  const build = join(dataRoot, 'build');
  return (
    (await restOfFolder(build, (name) => name === 'contexts' || name === 'cache-mounts')) +
    (await restOfFolder(join(build, 'contexts'), (name) => contexts.has(name))) +
    (await restOfFolder(join(build, 'cache-mounts'), (name) => names.has(name)))
  );
}

/** Bytes that the cache may keep; undefined when nothing was said. `used` and `free` are those of the cache and of the disk. Pure. */
export function bytesToKeep({ maxUsed, minFree, reserved }: CacheBounds, used: number, free: number): number | undefined {
  const bounds = [...(maxUsed === undefined ? [] : [maxUsed]), ...(minFree === undefined ? [] : [used - Math.max(0, minFree - free)])];
  if (bounds.length === 0) return reserved;
  return Math.max(Math.min(...bounds), reserved ?? 0);
}

/** Which entries go, least recently used first. `now` is in milliseconds, `free` what is free on the disk. Pure. */
export function entriesToPrune(entries: readonly CacheEntry[], options: PruneOptions, now: number, free: number): CacheEntry[] {
  const oldestFirst = [...entries].sort((a, b) => Date.parse(a.lastUsedAt) - Date.parse(b.lastUsedAt));
  let left = entries.reduce((sum, entry) => sum + freed(entry), 0);
  const kept = bytesToKeep(options.keep ?? {}, left, free);
  const chosen: CacheEntry[] = [];
  for (const entry of oldestFirst) {
    if (kept !== undefined && left <= kept) break;
    if (entry.inUse || (entry.shared && !options.all)) continue;
    if (options.unusedFor !== undefined && now - Date.parse(entry.lastUsedAt) < options.unusedFor) continue;
    if (options.filter && !options.filter(entry)) continue;
    chosen.push(entry);
    left -= freed(entry);
  }
  return chosen;
}

/** Bytes that its removal frees: an image keeps a layer that it shares. */
export const freed = (entry: CacheEntry): number => (entry.shared ? 0 : entry.size);

/** Removes what matches; what a build has begun to use meanwhile stays. */
export async function pruneCache(
  parts: CacheParts,
  options: PruneOptions,
  { now, free }: { now: number; free: number },
): Promise<{ removed: CacheEntry[]; spaceReclaimed: number }> {
  const removed: CacheEntry[] = [];
  for (const entry of entriesToPrune(await cacheEntries(parts), options, now, free)) {
    if (entry.kind === 'context') {
      if (!(await removeContext(parts.sources, entry.id))) continue;
    } else if (entry.kind === 'cache-mount') {
      if (parts.mounts.inUse(entry.id)) continue;
      await parts.mounts.remove(entry.id);
    } else {
      if (parts.steps.isHeld(entry.id)) continue;
      await parts.steps.remove(entry.id);
    }
    removed.push(entry);
  }
  return { removed, spaceReclaimed: removed.reduce((sum, entry) => sum + freed(entry), 0) };
}

/** Whether it is gone: a build may have begun to use it. */
async function removeContext(sources: Sources, id: string): Promise<boolean> {
  try {
    await sources.remove(id);
    return true;
  } catch (error) {
    if (isKind(error, 'conflict')) return false;
    if (isKind(error, 'notFound')) return true;
    throw error;
  }
}
