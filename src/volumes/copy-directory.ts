import { chmodSync, chownSync, closeSync, constants, fstatSync, readdirSync, utimesSync } from 'node:fs';
import { copyTree, getXattr, listXattrs, openInRoot, setXattr } from '../host/index.ts';

/** Copies directory `source` inside `root` to the directory `target`, which exists: what is in it, and what it is itself. */
export async function copyDirectory(root: string, source: string, target: string): Promise<void> {
  await copyTree(root, source, target);
  copyAttributes(root, source, target);
}

/** Gives directory `target` owner, mode, times and extended attributes of `source` inside `root`. */
export function copyAttributes(root: string, source: string, target: string): void {
  const fd = openInRoot(root, source, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const stat = fstatSync(fd);
    // The dot leads through the descriptor's link to the directory, for calls that do not follow links.
    const opened = `/proc/self/fd/${fd}/.`;
    for (const name of listXattrs(opened)) {
      // What overlayfs notes for itself means nothing elsewhere.
      const value = name.startsWith('trusted.overlay.') ? undefined : getXattr(opened, name);
      if (value) setXattr(target, name, value);
    }
    chownSync(target, stat.uid, stat.gid);
    chmodSync(target, stat.mode & 0o7777);
    utimesSync(target, stat.atime, stat.mtime);
  } finally {
    closeSync(fd);
  }
}

/** Copies into the directory `path` below `data`, unless something is in it or it is none. Links below `data` lead nowhere else. */
export async function fillPart(data: string, path: string, root: string, source: string): Promise<void> {
  const fd = openInRoot(data, path, constants.O_RDONLY);
  try {
    const target = `/proc/self/fd/${fd}/.`;
    if (fstatSync(fd).isDirectory() && readdirSync(target).length === 0) await copyDirectory(root, source, target);
  } finally {
    closeSync(fd);
  }
}
