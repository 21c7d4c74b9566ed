import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Ids, Log } from '../../base/index.ts';
import { removeTree } from '../../host/index.ts';
import type { Store } from '../../store/index.ts';
import type { BuildClient, DirectoryFilter } from '../builder.ts';
import { fetchDirectory } from './client-context.ts';
import { KeptContexts } from './kept-contexts.ts';
import { IndexedContext } from './open-context.ts';
import { PackWriter } from './pack-writer.ts';
import type { OpenContext, Sources } from './sources.ts';
import { readTar } from './tar-context.ts';

export type { OpenContext, Sources } from './sources.ts';

export interface SourcesOptions {
  dataRoot: string;
  store: Store;
  clock: Clock;
  ids: Ids;
  log: Log;
}

export function createSources(options: SourcesOptions): Sources {
  const { dataRoot, clock, ids, log } = options;
  const kept = new KeptContexts(join(dataRoot, 'build', 'contexts'), { clock, ids, log });
  const opening: Opening = { scratch: join(dataRoot, 'build', 'scratch'), clock, ids, kept };
  return {
    async open(source, { client, filter, progress }, signal) {
      if (source.kind === 'client') return await openClient(opening, source, { client, filter, progress }, signal);
      if (source.kind === 'tar') return await openTar(opening, source.stream, progress, signal);
      const { openRemote } = await import('./remote-context.ts');
      return await openRemote(opening, source.url, progress, signal);
    },
    usage: () => kept.usage(),
    remove: (id) => kept.remove(id),
  };
}

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

async function openClient(
  opening: Opening,
  source: { directory: string; sharedKey: string },
  options: { client: BuildClient; filter: DirectoryFilter; progress: (bytes: number) => void },
  signal: AbortSignal,
): Promise<OpenContext> {
  const { folder, remove } = await newFolder(opening);
  const kept = source.sharedKey === '' ? undefined : opening.kept.open(source.sharedKey);
  const close = async () => {
    try {
      await kept?.close();
    } finally {
      await remove();
    }
  };
  let packs = 0;
  try {
    await using directory = await options.client.openDirectory(source.directory, options.filter, signal);
    const { index, fetched } = await fetchDirectory({
      directory,
      kept: kept?.index,
      newPack: kept?.newPack ?? (() => join(folder, `pack-${++packs}`)),
      progress: options.progress,
      now: nanoseconds(opening.clock),
      signal,
    });
    await kept?.keep(index, fetched > 0 || index.size !== kept.index?.size);
    return new IndexedContext(index, { label: 'build context', folder: join(folder, 'tree'), close });
  } catch (error) {
    await close();
    throw error;
  }
}
