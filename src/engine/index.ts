export { createEngine, type EngineOptions } from './create-engine.ts';
export type * from './engine.ts';
