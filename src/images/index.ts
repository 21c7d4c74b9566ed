export { decompressed } from './content/decompress.ts';
export { createImages, type ImagesOptions } from './create-images.ts';
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
