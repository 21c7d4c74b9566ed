export type * from './images.ts';
