import { invalid, TarDecoder, type TarHeader } from '../../base/index.ts';
import type { TreeEntry } from '../../host/index.ts';
import { plainBytes } from '../files/decompress.ts';
import { TreeIndex } from '../files/tree-index.ts';
import type { PackWriter } from './pack-writer.ts';

const MAX_ENTRIES = 1_000_000;
const TYPES = {
  character: 'character',
  block: 'block',
  directory: 'directory',
  fifo: 'fifo',
  symbolicLink: 'symlink',
  file: 'file',
} as const;

/**
 * Takes in a tar, plain or compressed: names into an index, contents into a pack, digests as they come. Nothing is unpacked, so that no name
 * or link in it can lead anywhere; those that try are `invalid`. Everything belongs to root, as in every build context.
 */
export async function readTar(
  source: AsyncIterable<Uint8Array>,
  pack: PackWriter,
  options: { progress: (bytes: number) => void; now: bigint; signal: AbortSignal },
): Promise<TreeIndex> {
  const index = new TreeIndex(options.now);
  const decoder = new TarDecoder(new TarIntake(index, pack));
  let received = 0;
  const counted = async function* () {
    for await (const chunk of source) {
      options.signal.throwIfAborted();
      received += chunk.length;
      options.progress(received);
      yield chunk;
    }
  };
  let any = false;
  for await (const chunk of plainBytes(counted())) {
    any = true;
    decoder.write(chunk);
  }
  // A client without any file sends nothing at all.
  if (any) decoder.finish();
  pack.flush();
  return index;
}

class TarIntake {
  readonly #index: TreeIndex;
  readonly #pack: PackWriter;
  #entry: TreeEntry | undefined;
  #count = 0;

  constructor(index: TreeIndex, pack: PackWriter) {
    this.#index = index;
    this.#pack = pack;
  }

  entry(header: TarHeader): void {
    this.#count += 1;
    if (this.#count > MAX_ENTRIES) throw invalid(`the build context has more than ${MAX_ENTRIES} entries`);
    const path = pathOf(header.name, header.name);
    this.#entry = header.type === 'hardLink' ? this.#hardLink(header, path) : described(header, path);
    if (header.type === 'file') this.#pack.begin();
    else this.#index.add(this.#entry);
  }

  data(chunk: Uint8Array): void {
    if (this.#entry?.type === 'file') this.#pack.write(chunk);
  }

  end(): void {
    const entry = this.#entry;
    this.#entry = undefined;
    if (entry?.type === 'file' && entry.pack === undefined) this.#index.add({ ...entry, ...this.#pack.end() });
  }

  #hardLink(header: TarHeader, path: string): TreeEntry {
    const target = pathOf(header.link, header.name);
    const first = this.#index.get(target);
    if (!first || first.type === 'directory')
      throw invalid(`the entry '${shown(header.name)}' is a hard link to '${shown(header.link)}', which is not there`);
    const inode = first.inode ?? `link:${target}`;
    if (first.inode === undefined) this.#index.add({ ...first, inode });
    return { ...first, path, inode };
  }
}

function described(header: TarHeader, path: string): TreeEntry {
  const type = TYPES[header.type as keyof typeof TYPES];
  if (path === '' && type !== 'directory')
    throw invalid(`the entry '${shown(header.name)}' stands for the context's root, but is not a directory`);
  return {
    path,
    type,
    mode: header.mode,
    uid: 0,
    gid: 0,
    size: 0,
    modified: header.modified,
    ...(type === 'symlink' ? { link: header.link } : {}),
    ...(type === 'character' || type === 'block' ? { device: header.device } : {}),
    ...(header.xattrs.size > 0
      ? { xattrs: [...header.xattrs].map(([name, value]) => [name, Buffer.from(value)] as [string, Uint8Array]) }
      : {}),
  };
}

/** Relative and clean; what leads out is refused. */
function pathOf(name: string, entry: string): string {
  const parts: string[] = [];
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part.includes('\0')) throw invalid(`the entry '${shown(entry)}' has a zero byte in its name`);
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) throw invalid(`the entry '${shown(entry)}' leads out of the build context`);
  }
  return parts.join('/');
}

const shown = (name: string): string => name.slice(0, 200);
