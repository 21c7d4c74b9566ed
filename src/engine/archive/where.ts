import { invalid } from '../../base/index.ts';
import { type ContainerRecord, isAlive } from '../../model/index.ts';

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
 * one through its layer, with volumes and binds found by their targets.
 */
export function locate(container: ContainerRecord, path: string, rootfs: string, volumePath: (name: string) => string): Place {
  const mount = container.spec.mounts
    .filter((m) => m.type !== 'tmpfs' && (path === m.target || path.startsWith(`${m.target === '/' ? '' : m.target}/`)))
    .sort((a, b) => b.target.length - a.target.length)[0];
  const readOnly = mount ? mount.readOnly : container.spec.readOnlyRoot;
  const name = mount ? 'mounted volume' : 'container rootfs';
  if (isAlive(container.state)) return { root: `/proc/${container.state.pid}/root`, path, readOnly, name };
  if (!mount || mount.type === 'tmpfs') return { root: rootfs, path, readOnly, name };
  const root = mount.type === 'bind' ? mount.source : volumePath(mount.source);
  return { root, path: path.slice(mount.target.length) || '/', readOnly, name };
}
