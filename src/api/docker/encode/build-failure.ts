import { type BuildStepError, DockerfileError } from '../../../build/index.ts';

const OUT_OF_MEMORY = ': cannot allocate memory';

/** How a process ended, in the classic builder's words, which scripts look for. */
export function exitSentence({ command, exitCode, message }: BuildStepError): string {
  const why = message.endsWith(OUT_OF_MEMORY) ? OUT_OF_MEMORY : '';
  return command === undefined ? message : `The command '${command}' returned a non-zero code: ${exitCode}${why}`;
}

/** The classic builder names the Dockerfile that it could not read, as the client named it. Any other error is itself. */
export function naming(dockerfile: string, error: unknown): unknown {
  if (!(error instanceof DockerfileError) || error.unreadable === undefined) return error;
  const told =
    error.unreadable === 'empty' ? `the Dockerfile (${dockerfile}) cannot be empty` : `failed to parse ${dockerfile}: ${error.message}`;
  return new DockerfileError(told, error.ranges, error.source, { cause: error });
}
