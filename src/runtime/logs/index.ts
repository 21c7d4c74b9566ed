export { boundLog } from './cut.ts';
export * from './keeper.ts';
export * from './options.ts';
export * from './reader.ts';
export * from './rotate.ts';
export { CURRENT } from './segments.ts';
