export type * from './dockerfile.ts';
export { drawExcerpt } from './excerpt.ts';
export { type Expanded, expandWord, type Variables } from './expand.ts';
export { parseDockerfile, parseTrigger } from './parse.ts';
export { didYouMean, suggest } from './suggest.ts';
