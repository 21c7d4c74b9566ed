import { constants, createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { GantryError, TarDecoder } from '../../base/index.ts';
import { openInRoot, type PlaceOptions, placeFiles, type TreeEntry, unpackTree } from '../../host/index.ts';
import type { CopySource } from './copy-source.ts';
import { plainBytes } from './decompress.ts';

/** A file that is a tar, plain or compressed. */
export interface Archive {
  entry: TreeEntry;
  open(): AsyncIterable<Uint8Array>;
}

/** Undefined when the file is no archive: then ADD copies it. */
export async function archiveIn(source: CopySource, path: string, entry: TreeEntry): Promise<Archive | undefined> {
  const open = () => plainBytes(contentOf(source, path, entry));
  return (await beginsAsTar(open())) ? { entry, open } : undefined;
}

function contentOf(source: CopySource, path: string, entry: TreeEntry): Readable {
  if (entry.size === 0) return Readable.from([]);
  const start = entry.offset ?? 0;
  if (entry.pack !== undefined) return createReadStream(entry.pack, { start, end: start + entry.size - 1 });
  const fd = openInRoot(source.root as string, path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  return createReadStream('', { fd, start: 0 });
}

/** As Docker decides it: by whether there is a first entry. */
async function beginsAsTar(content: AsyncIterable<Uint8Array>): Promise<boolean> {
  let found = false;
  const decoder = new TarDecoder({ entry: () => (found = true), data: () => {}, end: () => {} });
  try {
    for await (const chunk of content) {
      // An extended header may come first, and be long.
      for (let at = 0; at < chunk.length && !found; at += 512) decoder.write(chunk.subarray(at, at + 512));
      if (found) return true;
    }
    return false;
  } catch (error) {
    // Whatever is no tar, or no data that can be decompressed, is an ordinary file.
    if (found) return true;
    if (error instanceof GantryError && (error.kind === 'invalid' || error.kind === 'unsupported')) return false;
    throw error;
  }
}

export async function unpackArchive(archive: Archive, destination: string, options: Omit<PlaceOptions, 'items'>): Promise<void> {
  const directory: TreeEntry = { path: '', type: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0, modified: archive.entry.modified };
  // Makes the directory where it is missing, and what is above it.
  const item = { destination: `${destination.replace(/\/+$/, '')}/`, name: '', entries: [directory], sourcePath: '' };
  await placeFiles({ ...options, parentMode: 0o755, items: [item] });
  const { root, owner, signal } = options;
  await unpackTree(archive.open(), { root, path: destination, signal, ...(owner ? { owner } : {}) });
}
