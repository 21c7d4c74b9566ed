import { chmodSync, lchownSync } from 'node:fs';
import { errnoOf, type TarHeader } from '../../../base/index.ts';
import { getXattr, listXattrs, setTimes, setXattr } from '../../kernel/index.ts';

/**
 * Extended attributes that an archive may set: capabilities, access lists and the user's own. What the kernel's file systems and
 * security modules note for themselves (trusted.overlay.* above all) never comes from outside.
 */
export function isPortableXattr(name: string): boolean {
  return (
    name === 'security.capability' ||
    name.startsWith('system.posix_acl_') ||
    (name.startsWith('user.') && !name.startsWith('user.overlay.'))
  );
}

/** Owner first, since changing it clears setuid bits and capabilities. A link has no mode of its own. */
export function applyAttributes(entry: string, header: TarHeader): void {
  lchownSync(entry, header.uid, header.gid);
  if (header.type !== 'symbolicLink') chmodSync(entry, header.mode);
  if (header.xattrs.size > 0) applyXattrs(entry, header.xattrs);
  setTimes(entry, header.modified, header.modified);
}

/** Those that may come from outside; others are left aside. */
export function applyXattrs(entry: string, xattrs: Iterable<readonly [string, Uint8Array]>): void {
  for (const [name, value] of xattrs) {
    if (!isPortableXattr(name)) continue;
    try {
      setXattr(entry, name, value);
    } catch (error) {
      // A file system without attributes, or a kind of file that can't have user.* ones: other engines go on, too.
      const code = errnoOf(error);
      if (code !== 'ENOTSUP' && code !== 'EOPNOTSUPP' && !(code === 'EPERM' && name.startsWith('user.'))) throw error;
    }
  }
}

export function readXattrs(entry: string): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  for (const name of listXattrs(entry)) {
    const value = isPortableXattr(name) ? getXattr(entry, name) : undefined;
    if (value) found.set(name, value);
  }
  return found;
}
