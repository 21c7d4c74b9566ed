import { chmodSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { listMounts, removeTree, unmount } from '../host/index.ts';
import type { Builder } from './builder.ts';
import type { BuilderOptions } from './create-builder.ts';
import { buildFolders } from './folders.ts';

/** A builder of which nothing is loaded before its first use; only what a killed daemon left is cleared at once. */
export function createBuilder(options: BuilderOptions): Builder {
  let made: Promise<Builder> | undefined;
  const builder = () => {
    made ??= makeBuilder(options);
    return made;
  };
  return {
    async start() {
      const { scratch, running } = buildFolders(options.dataRoot, options.execRoot);
      for (const folder of [scratch, running]) await clearFolder(folder);
    },
    async prepare(request, signal) {
      await options.makeRoom?.('building', 0);
      return await (await builder()).prepare(request, signal);
    },
    check: async (request, signal) => (await builder()).check(request, signal),
    usage: async () => (await builder()).usage(),
    scratchSize: async () => (await builder()).scratchSize(),
    prune: async (wanted) => (await builder()).prune(wanted),
    async [Symbol.asyncDispose]() {
      await (await made)?.[Symbol.asyncDispose]();
    },
  };
}

async function makeBuilder(options: BuilderOptions): Promise<Builder> {
  const { openBuilder } = await import('./create-builder.ts');
  return await openBuilder(options);
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
