export type * from './builder.ts';
export type { BuilderOptions } from './create-builder.ts';
export { BuildStepError, DockerfileError } from './errors.ts';
export { createBuilder } from './lazy-builder.ts';
