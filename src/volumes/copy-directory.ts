import { chmodSync, chownSync, closeSync, constants, fstatSync, utimesSync } from 'node:fs';
import { copyTree, getXattr, listXattrs, openInRoot, setXattr } from '../host/index.ts';

/** Copies directory `source` inside `root` to the directory `target`, which exists: what is in it, and what it is itself. */
export async function copyDirectory(root: string, source: string, target: string): Promise<void> {
  await copyTree(root, source, target);
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
