import { realpath, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path/posix';
import { invalid } from '../../base/index.ts';
import { type ContainerRecord, isAlive } from '../../model/index.ts';
import type { MountWithSource } from '../mounts/sources.ts';

/** A directory that acts as the root for a path of a container, and the path below it. */
export interface Place {
  root: string;
  path: string;
  readOnly: boolean;
  /** What to call it when writing is refused. */
  name: string;
}

/** A clean absolute path; a trailing slash or `/.` is kept as a wish for a directory. */
export function cleanPath(path: string): { path: string; wantsDirectory: boolean } {
  if (path === '' || path.includes('\0')) throw invalid(`the path ${JSON.stringify(path)} is not valid in a container`);
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return { path: `/${parts.join('/')}`, wantsDirectory: /(^|\/)\.?$/.test(path) };
}

/**
 * Where the files of `path` are. A running container is seen through its own process, with all its mounts; a stopped
 * one through its layer and what `find` says of its mounts.
 */
export async function locate(
  container: ContainerRecord,
  path: string,
  rootfs: string,
  find: (mount: MountWithSource) => Promise<string>,
): Promise<Place> {
  const mount = container.spec.mounts
    .filter(
      (m): m is MountWithSource => m.type !== 'tmpfs' && (path === m.target || path.startsWith(`${m.target === '/' ? '' : m.target}/`)),
    )
    .sort((a, b) => b.target.length - a.target.length)[0];
  const readOnly = mount ? mount.readOnly : container.spec.readOnlyRoot;
  const name = mount ? 'mounted volume' : 'container rootfs';
  if (isAlive(container.state)) return { root: `/proc/${container.state.pid}/root`, path, readOnly, name };
  if (!mount) return { root: rootfs, path, readOnly, name };
  const source = await realpath(await find(mount));
  const inside = path.slice(mount.target.length) || '/';
  if ((await stat(source)).isDirectory()) return { root: source, path: inside, readOnly, name };
  return { root: dirname(source), path: `/${basename(source)}${inside.replace(/\/$/, '')}`, readOnly, name };
}
