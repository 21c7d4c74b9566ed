export { evaluateStage } from './evaluate.ts';
export { Linter } from './lint/linter.ts';
export type * from './plan.ts';
export { planStages } from './stages.ts';
