export { Flags, type Parsed, parseFlags } from './parse.ts';
export * from './spec.ts';
export { closest } from './suggest.ts';
export { parseBool, parseDuration, parseInteger, parseSize, splitCsv } from './values.ts';
