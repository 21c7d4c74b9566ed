import { createWriteStream, lstatSync, type Stats } from 'node:fs';
import { chmod, lchown, link, lutimes, mkdir, realpath, rm, symlink, utimes } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type TarHeader, tarEntries } from '../../base/index.ts';
import { CommandFailure } from '../failure.ts';

export interface UnpackOptions {
  /** Keep the owners of the archive; needs root. */
  readonly owners: boolean;
  /** Gives the path below the folder for an entry's name; undefined leaves the entry out. */
  readonly rename: (name: string) => string | undefined;
  /** Told of the bytes of files, as they come. */
  readonly progress?: (bytes: number) => void;
}

function existing(file: string): Stats | undefined {
  return lstatSync(file, { throwIfNoEntry: false });
}

/** Writes below one folder and nowhere else, whatever names and links an archive holds. */
class SafeFolder {
  readonly #root: string;
  readonly #known = new Set<string>();

  constructor(root: string) {
    this.#root = root;
  }

  /** The real path for `name`, whose parents are made; throws when a link or `..` would lead outside. */
  async place(name: string): Promise<string> {
    const target = path.join(this.#root, name);
    if (target !== this.#root && !target.startsWith(`${this.#root === '/' ? '' : this.#root}/`)) throw this.#escape(name);
    const parent = path.dirname(target);
    if (target !== this.#root && !this.#known.has(parent)) {
      await this.#checkParents(parent, name);
      await mkdir(parent, { recursive: true });
      this.#known.add(parent);
    }
    return target;
  }

  /** Links that an archive brings can be replaced under our feet: what was known is looked at again. */
  forget(): void {
    this.#known.clear();
  }

  async #checkParents(parent: string, name: string): Promise<void> {
    for (let at = parent; at.length > this.#root.length; at = path.dirname(at)) {
      if (!existing(at)) continue;
      const real = await realpath(at);
      if (real !== this.#root && !real.startsWith(`${this.#root === '/' ? '' : this.#root}/`)) throw this.#escape(name);
      return;
    }
  }

  #escape(name: string): CommandFailure {
    return new CommandFailure(`refusing to write ${JSON.stringify(name)}: it would lie outside ${this.#root}`);
  }

  async hardlinkSource(name: string): Promise<string> {
    return this.place(name);
  }
}

const seconds = ({ modified }: TarHeader) => Number(modified) / 1e9;

async function writeEntry(
  folder: SafeFolder,
  entry: TarHeader,
  name: string,
  content: AsyncIterable<Uint8Array>,
  options: UnpackOptions,
): Promise<void> {
  const target = await folder.place(name);
  const there = existing(target);
  if (entry.type === 'directory') {
    if (there && !there.isDirectory()) throw new CommandFailure(`cannot overwrite non-directory ${JSON.stringify(target)} with directory`);
    if (!there) await mkdir(target);
  } else {
    if (there?.isDirectory()) throw new CommandFailure(`cannot overwrite directory ${JSON.stringify(target)} with non-directory`);
    if (there) await rm(target, { force: true });
    if (entry.type === 'file') await pipeline(Readable.from(content), createWriteStream(target, { flags: 'wx', mode: 0o600 }));
    else if (entry.type === 'symbolicLink') {
      await symlink(entry.link, target);
      folder.forget();
    } else if (entry.type === 'hardLink') {
      const source = options.rename(entry.link);
      if (source === undefined) throw new CommandFailure(`hard link ${JSON.stringify(entry.name)} leads outside the archive`);
      await link(await folder.hardlinkSource(source), target);
    } else return;
  }
  if (options.owners) await lchown(target, entry.uid, entry.gid);
  if (entry.type === 'file' || entry.type === 'directory') await chmod(target, entry.mode);
  if (entry.type === 'file') await utimes(target, seconds(entry), seconds(entry));
  if (entry.type === 'symbolicLink') await lutimes(target, seconds(entry), seconds(entry));
}

/** Unpacks a tar stream below `root`, which exists. Throws `CommandFailure` for entries that would leave it. */
export async function unpack(source: AsyncIterable<Buffer>, root: string, options: UnpackOptions): Promise<void> {
  const folder = new SafeFolder(await realpath(root));
  const folders: { name: string; time: number }[] = [];
  for await (const { header, content } of tarEntries(source)) {
    const name = options.rename(header.name);
    if (name === undefined) continue;
    await writeEntry(folder, header, name, content, options);
    options.progress?.(header.size);
    if (header.type === 'directory') folders.push({ name, time: seconds(header) });
  }
  // Writing into a folder changes its time, so folders get theirs last.
  for (const { name, time } of folders.reverse()) await utimes(await folder.place(name), time, time);
}
