export { DecisionLog } from './containers/decisions.ts';
export { createEngine, type EngineOptions } from './create-engine.ts';
export type * from './engine.ts';
