import { GantryError } from '../base/index.ts';
import type { DockerfileSourceText, SourceRange } from './builder.ts';

/** Something is wrong at a place in the Dockerfile. Whoever knows the file's text adds it: dialects show an excerpt. */
export class DockerfileError extends GantryError {
  readonly ranges: readonly SourceRange[];
  source: DockerfileSourceText | undefined;
  /** When no instruction could be told from another: the file is empty, or its text malformed. */
  unreadable: 'empty' | 'malformed' | undefined;

  constructor(
    message: string,
    ranges: readonly SourceRange[],
    source?: DockerfileSourceText,
    options: { cause?: unknown; hint?: string } = {},
  ) {
    super('invalid', message, options);
    this.name = 'DockerfileError';
    this.ranges = ranges;
    this.source = source;
  }
}

/** A step of a build failed, of the kind that its cause has. `command` and `exitCode` when its process ended so. */
export class BuildStepError extends GantryError {
  readonly stepId: string;
  readonly command: string | undefined;
  readonly exitCode: number | undefined;
  readonly ranges: readonly SourceRange[];
  readonly source: DockerfileSourceText | undefined;

  constructor(
    message: string,
    at: {
      stepId: string;
      command?: string | undefined;
      exitCode?: number | undefined;
      ranges: readonly SourceRange[];
      source: DockerfileSourceText | undefined;
    },
    options: { cause?: unknown } = {},
  ) {
    super(options.cause instanceof GantryError ? options.cause.kind : 'internal', message, options);
    this.name = 'BuildStepError';
    this.stepId = at.stepId;
    this.command = at.command;
    this.exitCode = at.exitCode;
    this.ranges = at.ranges;
    this.source = at.source;
  }
}
