export { Distribution, type DistributionParts } from './distribution.ts';
export { formatPlatform, hostPlatform, matchPlatform, type Platform, parsePlatform } from './platform.ts';
