export { copyTree } from './copy.ts';
export { type PackOptions, packTree } from './pack.ts';
export { unpackTree, type UnpackTreeOptions } from './unpack.ts';
