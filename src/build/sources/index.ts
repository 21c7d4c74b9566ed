import { join } from 'node:path';
import type { Clock, Ids, Log } from '../../base/index.ts';
import type { Store } from '../../store/index.ts';
import type { BuildClient, DirectoryFilter } from '../builder.ts';
import { fetchDirectory } from './client-context.ts';
import { KeptContexts } from './kept-contexts.ts';
import { IndexedContext } from './open-context.ts';
import { nanoseconds, newFolder, type Opening, openTar } from './opening.ts';
import type { OpenContext, Sources } from './sources.ts';

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
