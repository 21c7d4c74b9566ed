export { createVolumes, type VolumesParts } from './local-volumes.ts';
export type * from './volumes.ts';
