/** The `gantry` command: a client of the Docker Engine API, with Docker's grammar and output. */
export { VERSION } from './about.ts';
export { runGantry } from './run.ts';
export type { RunProgram, Surroundings } from './session.ts';
export { layOut } from './table/index.ts';
export { readLine } from './terminal/index.ts';
