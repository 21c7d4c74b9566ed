export * from './clock.ts';
export * from './document.ts';
export * from './errors.ts';
export * from './ids.ts';
export * from './log.ts';
export * from './queue.ts';
export * from './tar/index.ts';
export * from './teardown.ts';
