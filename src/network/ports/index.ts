export * from './book.ts';
export * from './plan.ts';
export * from './publisher.ts';
