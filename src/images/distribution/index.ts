export { Distribution, type DistributionParts } from './distribution.ts';
export { formatPlatform, hostPlatform, matchPlatform, parsePlatform, type Platform } from './platform.ts';
