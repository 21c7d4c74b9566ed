import { check, failure, lastErrno, native } from './library.ts';

const XATTR_MAX = 65536;

let room: Buffer | undefined;
/** One for all calls: they are synchronous, and most files have nothing to put into it. */
const scratch = () => (room ??= Buffer.allocUnsafeSlow(XATTR_MAX));

/** Of the link itself when `path` is one. */
export function setXattr(path: string, name: string, value: Uint8Array): void {
  const call = native('lsetxattr', 'int', 'const char *', 'const char *', 'const void *', 'size_t', 'int');
  check(call(path, name, Buffer.from(value), value.length, 0), 'lsetxattr', path);
}

/** Undefined when the file has no such attribute, or its file system has none at all. */
export function getXattr(path: string, name: string): Buffer | undefined {
  const value = scratch();
  const size = native('lgetxattr', 'long', 'const char *', 'const char *', 'void *', 'size_t')(path, name, value, XATTR_MAX);
  if (size >= 0) return Buffer.from(value.subarray(0, size));
  const error = failure('lgetxattr', lastErrno(), path);
  if (error.code === 'ENODATA' || error.code === 'ENOTSUP') return undefined;
  throw error;
}

export function listXattrs(path: string): string[] {
  const names = scratch();
  const size = native('llistxattr', 'long', 'const char *', 'void *', 'size_t')(path, names, XATTR_MAX);
  if (size < 0) {
    const error = failure('llistxattr', lastErrno(), path);
    if (error.code === 'ENOTSUP') return [];
    throw error;
  }
  if (size === 0) return [];
  return names
    .toString('utf8', 0, size)
    .split('\0')
    .filter((name) => name !== '');
}

/** Of the link itself when `path` is one. Fails with `ENODATA` when it has no such attribute. */
export function removeXattr(path: string, name: string): void {
  check(native('lremovexattr', 'int', 'const char *', 'const char *')(path, name), 'lremovexattr', path);
}
