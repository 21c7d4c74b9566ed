export * from './allocator.ts';
export * from './choose.ts';
export * from './ipv4.ts';
