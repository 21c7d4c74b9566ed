export type * from './volumes.ts';
