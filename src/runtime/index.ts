export * from './runtime.ts';
export * from './create-runtime.ts';
export { StartError } from './failure.ts';
export { logPolicy, type LogPolicy } from './logs/options.ts';
