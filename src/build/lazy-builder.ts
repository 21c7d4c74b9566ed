import { chmodSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { diskFree, listMounts, removeTree, unmount } from '../host/index.ts';
import type { Builder } from './builder.ts';
import type { BuilderOptions } from './create-builder.ts';
import { buildFolders } from './folders.ts';

/** A builder of which nothing is loaded before its first use; only what a killed daemon left is cleared at once. What the cache holds is told without loading the rest. */
export function createBuilder(options: BuilderOptions): Builder {
  const { dataRoot, clock } = options;
  const usage = () => import('./cache/usage.ts');
  const cache = once(async () => (await import('./cache/open-cache.ts')).openCache(options));
  const builder = once(async () => (await import('./create-builder.ts')).openBuilder(options, await cache.get()));
  return {
    async start() {
      const { scratch, running } = buildFolders(dataRoot, options.execRoot);
      for (const folder of [scratch, running]) await clearFolder(folder);
    },
    async prepare(request, signal) {
      await options.makeRoom?.('building', 0);
      return await (await builder.get()).prepare(request, signal);
    },
    check: async (request, signal) => (await builder.get()).check(request, signal),
    usage: async () => (await usage()).cacheEntries(await cache.get()),
    scratchSize: async () => (await usage()).scratchSize(dataRoot, await cache.get()),
    async prune(wanted) {
      const { available } = await diskFree(dataRoot);
      return await (await usage()).pruneCache(await cache.get(), wanted, { now: clock.now(), free: available });
    },
    async [Symbol.asyncDispose]() {
      await (await cache.made())?.steps.flush();
    },
  };
}

/** Makes something at its first use; `made` does not. */
function once<T>(make: () => Promise<T>): { get(): Promise<T>; made(): Promise<T> | undefined } {
  let made: Promise<T> | undefined;
  const get = () => {
    made ??= make();
    return made;
  };
  return { get, made: () => made };
}

/**
 * What a killed daemon left: secrets in memory, trees shown to steps, sockets. The host's users may not pass: sockets of agents are in
 * there, whose paths stand in /proc/net/unix.
 */
async function clearFolder(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  for (const { target } of listMounts(folder).reverse()) await unmount(target, { lazy: true });
  for (const name of readdirSync(folder)) await removeTree(folder, join(folder, name));
}
