export { BuildStepError, DockerfileError } from './errors.ts';
export type * from './builder.ts';
