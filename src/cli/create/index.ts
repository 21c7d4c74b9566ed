export { type CreateBody, createBody } from './body.ts';
export { parseUlimit } from './devices.ts';
export { pairsToMap, readEnvironment } from './environment.ts';
export { CREATE_FLAGS } from './flags.ts';
