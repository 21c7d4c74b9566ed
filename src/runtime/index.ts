export * from './create-runtime.ts';
export { StartError } from './failure.ts';
export { type LogPolicy, logPolicy } from './logs/options.ts';
export * from './runtime.ts';
