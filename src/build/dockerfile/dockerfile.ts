import type { SourceRange } from '../builder.ts';

/**
 * A parsed Dockerfile (Dockerfile reference, frontend 1.x). Parsing is pure and checks all that can be checked without values of
 * variables; texts that may hold variables are kept as written, and expanded when a stage is evaluated (`plan/`).
 */
export interface Dockerfile {
  /** `\` or `` ` ``. */
  escape: string;
  /** Value of `# syntax=`, accepted and not acted upon. */
  syntax?: string;
  /** Of `# check=`. */
  check: LintSettings;
  /** ARG before the first FROM. */
  globalArguments: readonly ArgInstruction[];
  /** At least one. */
  stages: readonly Stage[];
  /** Lines that end an instruction with an empty continuation line in it. */
  emptyContinuations: readonly number[];
}

/** `skip=A,B;error=true;experimental=all`. */
export interface LintSettings {
  skip: readonly string[];
  skipAll: boolean;
  experimental: readonly string[];
  experimentalAll: boolean;
  error: boolean;
}

export interface Stage {
  index: number;
  /** Lower case; '' when it has none. */
  name: string;
  /** The name as written; '' when it has none. */
  writtenName: string;
  /** FROM and AS as written; '' without AS. */
  keyword: string;
  asKeyword: string;
  /** As written: a name with variables. */
  base: string;
  platform: string | undefined;
  /** Lines of the comment right above FROM, without `#`. */
  comments: readonly string[];
  /** What the comment says of the stage: `# <name> <description>`. */
  description: string;
  /** As written, for progress and history. */
  text: string;
  range: SourceRange;
  instructions: readonly Instruction[];
}

export interface InstructionBase {
  /** Upper case. */
  name: string;
  /** The name as written. */
  keyword: string;
  /** The instruction as written, continuation lines joined. */
  text: string;
  range: SourceRange;
  /** Lines of the comment right above, without `#`. */
  comments: readonly string[];
}

export type Instruction =
  | ArgInstruction
  | EnvInstruction
  | LabelInstruction
  | CopyInstruction
  | RunInstruction
  | CommandInstruction
  | WordInstruction
  | ListInstruction
  | HealthcheckInstruction
  | OnbuildInstruction;

export interface KeyValue {
  key: string;
  value: string;
  /** Written `KEY value`, the old way. */
  legacy: boolean;
}

export interface ArgInstruction extends InstructionBase {
  name: 'ARG';
  arguments: readonly { key: string; default: string | undefined; description: string }[];
}
export interface EnvInstruction extends InstructionBase {
  name: 'ENV';
  pairs: readonly KeyValue[];
}
export interface LabelInstruction extends InstructionBase {
  name: 'LABEL';
  pairs: readonly KeyValue[];
}
/** COPY and ADD. */
export interface CopyInstruction extends InstructionBase {
  name: 'COPY' | 'ADD';
  sources: readonly string[];
  /** Here-documents among the sources: file name and content; `expand` when the delimiter was not quoted. */
  heredocs: readonly Heredoc[];
  destination: string;
  from: string | undefined;
  chown: string | undefined;
  chmod: string | undefined;
  link: boolean;
  parents: boolean;
  exclude: readonly string[];
  /** ADD only. */
  unpack: boolean | undefined;
  checksum: string | undefined;
  keepGitDir: boolean;
}
export interface Heredoc {
  name: string;
  content: string;
  expand: boolean;
  /** `<<-`. In COPY and ADD leading tabs are gone already; in RUN they are there still, since the shell may read them. */
  chomp: boolean;
}
export interface RunInstruction extends InstructionBase {
  name: 'RUN';
  command: CommandLine;
  heredocs: readonly Heredoc[];
  mounts: readonly MountFlag[];
  network: 'default' | 'none' | 'host';
  security: 'sandbox' | 'insecure';
}
/** `--mount=…` as written; values may hold variables, but for `from`. They are checked when the stage is evaluated. */
export interface MountFlag {
  fields: readonly { key: string; value: string | undefined; text: string }[];
  from: string | undefined;
}
/** The shell form is one text, the exec form a list. */
export type CommandLine = { shell: true; text: string } | { shell: false; words: readonly string[] };
/** CMD and ENTRYPOINT. */
export interface CommandInstruction extends InstructionBase {
  name: 'CMD' | 'ENTRYPOINT';
  command: CommandLine;
}
export interface WordInstruction extends InstructionBase {
  name: 'WORKDIR' | 'USER' | 'STOPSIGNAL' | 'MAINTAINER';
  word: string;
}
/** EXPOSE, VOLUME and SHELL. */
export interface ListInstruction extends InstructionBase {
  name: 'EXPOSE' | 'VOLUME' | 'SHELL';
  words: readonly string[];
}
export interface HealthcheckInstruction extends InstructionBase {
  name: 'HEALTHCHECK';
  /** Undefined for NONE. Durations in nanoseconds; 0 inherits. */
  check:
    | { command: CommandLine; interval: number; timeout: number; startPeriod: number; startInterval: number; retries: number }
    | undefined;
}
export interface OnbuildInstruction extends InstructionBase {
  name: 'ONBUILD';
  /** The trigger as written; it has been parsed once, to refuse it early. */
  trigger: string;
}
