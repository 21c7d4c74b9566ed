export { dockerConfig, goJson, goTime } from './config-document.ts';
export { decompressed } from './content/decompress.ts';
export { createImages, type ImagesOptions } from './create-images.ts';
export { formatPlatform, matchPlatform, type Platform } from './distribution/platform.ts';
export type * from './images.ts';
export { chainIds } from './layers/chain.ts';
export {
  familiarName,
  formatReference,
  parseReference,
  type Reference,
  repositoryOf,
  tryParseReference,
  withDefaultTag,
} from './reference.ts';
export { applyChanges } from './transfer/changes.ts';
