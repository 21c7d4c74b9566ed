export { createDisk, type DiskOptions } from './create-disk.ts';
export type * from './disk.ts';
export { type DiskLimit, parseDiskLimit } from './limit.ts';
