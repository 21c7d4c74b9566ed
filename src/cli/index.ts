/** The `gantry` command: a client of the Docker Engine API, with Docker's grammar and output. */
export { runGantry, VERSION } from './run.ts';
export type { RunProgram, Surroundings } from './session.ts';
