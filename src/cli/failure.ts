/**
 * Ends the command with `code`. `message` goes to stderr as it stands; an empty one says nothing
 * (the container's own exit code, for example).
 */
export class CommandFailure extends Error {
  readonly code: number;

  constructor(message: string, code = 1, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'CommandFailure';
    this.code = code;
  }
}

/** The command line itself is wrong: shown with the usage line of the command, exit code 125 unless said otherwise. */
export class UsageFailure extends CommandFailure {
  constructor(message: string, code = 125) {
    super(message, code);
    this.name = 'UsageFailure';
  }
}

/** A file error in the system's short words: `open FILE: no such file or directory`. */
export function plainReason(error: unknown, file: string): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return `open ${file}: no such file or directory`;
  if (code === 'EACCES') return `open ${file}: permission denied`;
  if (code === 'EISDIR') return `read ${file}: is a directory`;
  return error instanceof Error ? error.message : String(error);
}
