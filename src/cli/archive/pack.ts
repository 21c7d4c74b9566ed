import { createReadStream, type Stats } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { encodeTarHeader, type NewTarEntry, paddingOf, tarEnd } from '../../base/index.ts';

export interface PackOptions {
  /** False leaves a path (relative to the root, with `/`) and what is below it out. */
  readonly includes?: (relative: string, isDirectory: boolean) => boolean;
  /** False only when nothing below a left-out folder can come back. */
  readonly descends?: (relative: string) => boolean;
}

function describe(name: string, stats: Stats, link: string): NewTarEntry {
  const type = stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'symbolicLink' : 'file';
  return {
    // Readers of old archives know a folder by its slash.
    name: type === 'directory' && !name.endsWith('/') ? `${name}/` : name,
    type,
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    size: stats.size,
    modified: BigInt(Math.trunc(stats.mtimeMs)) * 1_000_000n,
    link,
  };
}

const padding = (size: number) => Buffer.alloc(paddingOf(size));

async function* packOne(file: string, name: string): AsyncGenerator<Buffer> {
  const stats = await lstat(file);
  // Sockets, pipes and devices have no content to carry.
  if (!stats.isFile() && !stats.isDirectory() && !stats.isSymbolicLink()) return;
  yield encodeTarHeader(describe(name, stats, stats.isSymbolicLink() ? await readlink(file) : ''));
  if (!stats.isFile() || stats.size === 0) return;
  let sent = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 18, end: stats.size - 1 })) {
    sent += chunk.length;
    yield chunk;
  }
  // A file that shrinks meanwhile must still fill the size that its header promised.
  if (sent < stats.size) yield Buffer.alloc(stats.size - sent);
  yield padding(stats.size);
}

async function* packTree(file: string, name: string, relative: string, options: PackOptions): AsyncGenerator<Buffer> {
  const stats = await lstat(file);
  const directory = stats.isDirectory();
  const included = relative === '' || (options.includes?.(relative, directory) ?? true);
  if (included) yield* packOne(file, name);
  if (!directory || (!included && !(options.descends?.(relative) ?? false))) return;
  for (const child of (await readdir(file)).sort()) {
    yield* packTree(path.join(file, child), `${name}/${child}`, relative === '' ? child : `${relative}/${child}`, options);
  }
}

/** A tar stream of `file` and what is below it; entries are called `name`, `name/…`. */
export function packPath(file: string, name: string): Readable {
  async function* all(): AsyncGenerator<Buffer> {
    yield* packTree(file, name, '', {});
    yield tarEnd();
  }
  return Readable.from(all(), { objectMode: false, highWaterMark: 1 << 20 });
}

/** A file that lies in no folder of ours. */
export interface ExtraFile {
  readonly name: string;
  readonly content: Buffer;
}

function packExtra({ name, content }: ExtraFile): Buffer {
  return Buffer.concat([encodeTarHeader({ name, type: 'file', mode: 0o600, size: content.length }), content, padding(content.length)]);
}

/** A whole archive of one file. */
export const packLoneFile = (file: ExtraFile): Buffer => Buffer.concat([packExtra(file), tarEnd()]);

/** A tar stream of what is in `folder`, by names relative to it, followed by `extra` files. */
export function packFolder(folder: string, options: PackOptions, extra: readonly ExtraFile[] = []): Readable {
  async function* all(): AsyncGenerator<Buffer> {
    for (const child of (await readdir(folder)).sort()) yield* packTree(path.join(folder, child), child, child, options);
    for (const file of extra) yield packExtra(file);
    yield tarEnd();
  }
  return Readable.from(all(), { objectMode: false, highWaterMark: 1 << 20 });
}
