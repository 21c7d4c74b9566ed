export * from './book.ts';
export * from './plan.ts';
