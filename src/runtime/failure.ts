import { GantryError } from '../base/index.ts';
import type { StartFailure } from './runtime.ts';

/** The container's own command cannot run, or the OCI runtime refused the container. `exitCode` is what Docker's client exits with. */
export class StartError extends GantryError implements StartFailure {
  readonly exitCode: 125 | 126 | 127;

  constructor(exitCode: 125 | 126 | 127, message: string, cause?: unknown) {
    super(exitCode === 125 ? 'internal' : 'invalid', message, cause === undefined ? {} : { cause });
    this.exitCode = exitCode;
  }
}

const CONTEXT = {
  create: 'failed to create task for container: OCI runtime create failed',
  start: 'failed to start task for container: OCI runtime start failed',
  exec: 'OCI runtime exec failed: exec failed',
} as const;

/**
 * Turns what an OCI runtime wrote into the error that Docker's clients know. crun and runc word the same
 * failures differently, so both are recognised by what they name, not by the whole sentence.
 */
export function startFailure(step: keyof typeof CONTEXT, said: string, command: string): StartError {
  const reason = strip(said);
  const quoted = JSON.stringify(command);
  const explain = (exitCode: 125 | 126 | 127, why: string) => new StartError(exitCode, `${CONTEXT[step]}: ${why}`);
  const missing = command.includes('/')
    ? `exec: ${quoted}: stat ${command}: no such file or directory`
    : `exec: ${quoted}: executable file not found in $PATH`;
  if (/executable file .*not found in \$PATH/i.test(reason)) return explain(127, missing);
  const aboutCommand = /open executable/i.test(reason) || (/\bexec\b|\bstat\b|executable/i.test(reason) && reason.includes(command));
  if (aboutCommand && /no such file or directory/i.test(reason)) return explain(127, missing);
  if (aboutCommand && /is a directory/i.test(reason)) return explain(126, `exec: ${quoted}: is a directory`);
  // crun says EPERM for what is no regular file.
  if (aboutCommand && /permission denied|operation not permitted/i.test(reason)) return explain(126, `exec: ${quoted}: permission denied`);
  if (aboutCommand && /exec format error/i.test(reason)) return explain(126, `exec: ${quoted}: exec format error`);
  if (/not a directory/i.test(reason) && /mount/i.test(reason)) {
    return explain(
      127,
      `${reason}: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type`,
    );
  }
  if (/\bc(hange|h)dir\b|working directory/i.test(reason)) return explain(/permission denied/i.test(reason) ? 126 : 127, reason);
  return explain(125, reason);
}

/** The innermost message: without time stamps, log levels and the JSON of a runtime's log. */
function strip(said: string): string {
  const lines = said
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  const error = lines.findLast((line) => /level=error/.test(line)) ?? lines.at(-1) ?? 'the runtime gave no reason';
  const quoted = /msg="((?:[^"\\]|\\.)*)"/.exec(error)?.[1]?.replaceAll('\\"', '"').replaceAll('\\\\', '\\');
  return (quoted ?? error)
    .replace(/^\d{4}-\d\d-\d\dT\S+:\s*/, '')
    .replace(/^(OCI runtime error: |runc create failed: |exec failed: )/, '')
    .slice(0, 1500);
}
