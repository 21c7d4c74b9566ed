import { posix } from 'node:path';

/** Absolute, without `.` and `..`. */
export const absolute = (directory: string, path: string): string => posix.resolve('/', directory || '/', path);

/** As `absolute`; a path that was written as a directory ends with '/'. */
export function destinationPath(directory: string, path: string): string {
  const full = absolute(directory, path);
  const asDirectory = path === '' || path === '.' || path.endsWith('/') || path.endsWith('/.') || path === '..' || path.endsWith('/..');
  return asDirectory && full !== '/' ? `${full}/` : full;
}
