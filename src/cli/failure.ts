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
