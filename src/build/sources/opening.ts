import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Ids } from '../../base/index.ts';
import { removeTree } from '../../host/index.ts';
import type { KeptContexts } from './kept-contexts.ts';
import { IndexedContext } from './open-context.ts';
import { PackWriter } from './pack-writer.ts';
import type { OpenContext } from './sources.ts';
import { readTar } from './tar-context.ts';

/** What all ways to open a context share. */
export interface Opening {
  scratch: string;
  clock: Clock;
  ids: Ids;
  kept: KeptContexts;
}

/** A directory for one context; goes when the context is closed. */
export async function newFolder(opening: Opening): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = join(opening.scratch, `context-${opening.ids.next().slice(0, 20)}`);
  await mkdir(folder, { recursive: true, mode: 0o711 });
  return { folder, remove: () => removeTree(opening.scratch, folder) };
}

export const nanoseconds = (clock: Clock): bigint => BigInt(clock.now()) * 1_000_000n;

export async function openTar(
  opening: Opening,
  stream: AsyncIterable<Uint8Array>,
  progress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<OpenContext> {
  const { folder, remove } = await newFolder(opening);
  try {
    const pack = new PackWriter(join(folder, 'pack'));
    try {
      const index = await readTar(stream, pack, { progress, now: nanoseconds(opening.clock), signal });
      return new IndexedContext(index, { label: 'build context', folder: join(folder, 'tree'), close: remove });
    } finally {
      pack.close();
    }
  } catch (error) {
    await remove();
    signal.throwIfAborted();
    throw error;
  }
}
