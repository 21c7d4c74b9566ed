export * from './decode.ts';
export * from './encode.ts';
export * from './header.ts';
export * from './stream.ts';
