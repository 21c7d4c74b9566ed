import { type Builder, BuildStepError, type CacheBounds, type CacheEntry } from '../../../build/index.ts';
import { type AddRoute, type Call, flag, integer, type Parts, text } from '../call.ts';
import { decodeBuild } from '../decode/build.ts';
import { exitSentence, naming } from '../encode/build-failure.ts';
import { type Filters, parseFilters } from '../filters/filters.ts';
import { parseTimestamp } from '../filters/timestamps.ts';
import { BuildOutput } from '../streams/build-output.ts';
import { ProgressStream } from '../streams/progress.ts';

/** Building as clients without BuildKit ask for it, and what the cache holds. */
export function buildRoutes(add: AddRoute, parts: Parts, builder: Builder): void {
  add('POST', '/build', (call) => build(call, parts, builder));
  add('POST', '/build/prune', (call) => prune(call, parts, builder));
}

async function build(call: Call, parts: Parts, builder: Builder): Promise<void> {
  const { request, names, quiet } = decodeBuild(call, (await parts.host()).processors);
  const { signal } = call.exchange;
  const stream = new ProgressStream(call.exchange, parts.clock);
  const output = new BuildOutput(stream);
  await stream.run(async () => {
    try {
      await using prepared = await builder.prepare({ ...request, observe: quiet ? () => undefined : output.observe }, signal);
      await using solved = await prepared.solve(signal);
      const image = await solved.exportImage(names);
      stream.message({ aux: { ID: image.imageId } });
      if (quiet) return output.line(`${image.imageId}\n`);
      output.built(image.imageId);
      for (const name of image.names) output.line(`Successfully tagged ${name}\n`);
    } catch (error) {
      if (!(error instanceof BuildStepError) || error.exitCode === undefined) throw naming(text(call, 'dockerfile') ?? 'Dockerfile', error);
      const message = exitSentence(error);
      stream.message({ errorDetail: { code: error.exitCode, message }, error: message });
    }
  });
}

const PRUNE_FILTERS = ['until', 'unused-for', 'id', 'parent', 'type', 'description', 'inuse', 'shared', 'private', 'label', 'label!'];

async function prune(call: Call, parts: Parts, builder: Builder): Promise<void> {
  const filters = parseFilters(text(call, 'filters'), PRUNE_FILTERS);
  const now = parts.clock.now();
  const limits = [...filters.get('until'), ...filters.get('unused-for')].map(
    (value) => now - Number(parseTimestamp('until', value, now) / 1_000_000n),
  );
  const { removed, spaceReclaimed } = await builder.prune({
    all: flag(call, 'all'),
    ...(limits.length === 0 ? {} : { unusedFor: Math.max(...limits) }),
    keep: bounds(call),
    filter: cacheFilter(filters),
  });
  const attributes = { reclaimed: String(spaceReclaimed) };
  parts.engine.events.publish({ type: 'builder', action: 'prune', actor: { id: '', attributes }, scope: 'local' });
  call.exchange.sendJson(200, { CachesDeleted: removed.map(({ id }) => id), SpaceReclaimed: spaceReclaimed });
}

/** `id` may be a part of one. Nothing in the cache has a label: `system prune` sends its filters here too. */
function cacheFilter(filters: Filters): (entry: CacheEntry) => boolean {
  const [inUse, shared, isPrivate] = [filters.boolean('inuse'), filters.boolean('shared'), filters.boolean('private')];
  const fits = (name: string, test: (value: string) => boolean) => filters.get(name).length === 0 || filters.get(name).some(test);
  const labelled = filters.get('label').length > 0;
  return (entry) =>
    !labelled &&
    fits('id', (id) => entry.id.includes(id)) &&
    fits('parent', (id) => entry.parents.some((parent) => parent.startsWith(id))) &&
    fits('type', (type) => typeOf(entry) === type) &&
    fits('description', (description) => entry.description === description) &&
    (inUse === undefined || entry.inUse === inUse) &&
    (shared === undefined || entry.shared === shared) &&
    (isPrivate === undefined || entry.shared !== isPrivate);
}

/** Before 1.48 there was `keep-storage`, with the meaning of `reserved-space`. 0 is not said, as in Docker. */
function bounds(call: Call): CacheBounds {
  const reserved = integer(call, 'reserved-space') || integer(call, 'keep-storage');
  const maxUsed = integer(call, 'max-used-space');
  const minFree = integer(call, 'min-free-space');
  return { ...(reserved ? { reserved } : {}), ...(maxUsed ? { maxUsed } : {}), ...(minFree ? { minFree } : {}) };
}

/** Docker's words for what a piece of cache is. */
function typeOf({ kind }: CacheEntry): string {
  return { step: 'regular', 'cache-mount': 'exec.cachemount', context: 'source.local' }[kind];
}

/** BuildCache of the API's system data usage. */
export function encodeCacheEntry(entry: CacheEntry, minor: number): Record<string, unknown> {
  const parents = minor < 42 ? { Parent: entry.parents.join(',') } : { Parents: entry.parents };
  return {
    ID: entry.id,
    ...(entry.parents.length > 0 ? parents : {}),
    Type: typeOf(entry),
    Description: entry.description,
    InUse: entry.inUse,
    Shared: entry.shared,
    Size: entry.size,
    CreatedAt: entry.createdAt,
    LastUsedAt: entry.lastUsedAt,
    UsageCount: entry.usageCount,
  };
}
