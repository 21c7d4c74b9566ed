export * from './allocator.ts';
export * from './choose.ts';
export * from './ip.ts';
export * from './ipv4.ts';
export * from './space.ts';
