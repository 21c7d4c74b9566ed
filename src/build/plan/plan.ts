import type { SourceRange } from '../builder.ts';
import type { Dockerfile, Heredoc, Stage } from '../dockerfile/dockerfile.ts';
import type { Linter } from './lint/linter.ts';
import type { StageState } from './state.ts';

/**
 * Deciding, without doing: which stages a target needs, and what each instruction of a stage comes to once the configuration of
 * its base is known. Pure.
 *
 * Two rounds, since ENV of the base image takes part in expansion: `planStages` first, then `evaluateStage` for each stage
 * when its base's configuration is there. A stage's base and its `--from` sources may be known only by expansion of ARGs.
 */
export interface StagePlan {
  /** Needed stages, those they depend on first. The last one is the target. */
  stages: readonly PlannedStage[];
  /** What all stages share; for `evaluateStage`. */
  context: PlanContext;
  /** Seconds since the epoch, of the build argument SOURCE_DATE_EPOCH. */
  sourceDateEpoch: number | undefined;
}

export interface PlanOptions {
  target?: string | undefined;
  /** `--build-arg`. */
  buildArguments: Readonly<Record<string, string>>;
  /** `--label`, for the target's configuration. */
  labels?: Readonly<Record<string, string>>;
  /** `os/architecture[/variant]` to build for; the host's when absent. */
  platform?: string | undefined;
  hostPlatform: string;
  /** Names of `--build-context`. */
  namedContexts: readonly string[];
  /** Indexes of stages that are needed too, since a trigger of a base image turned out to use them (`EvaluatedStage.alsoNeeds`). */
  include?: readonly number[];
  /** Plan every stage, for checks. */
  all?: boolean;
  linter?: Linter;
}

export interface PlanContext {
  dockerfile: Dockerfile;
  options: PlanOptions;
  /** Global arguments, platform arguments among them. */
  globals: ReadonlyMap<string, string>;
  /** The last stage of each name. */
  stageNames: ReadonlyMap<string, number>;
  targetIndex: number;
}

export interface PlannedStage {
  stage: Stage;
  /** The name to show: its own, `stage-N` or '' when it is the only stage. */
  label: string;
  base: BaseSource;
  /** `os/architecture[/variant]`. */
  platform: string;
  /** Stages that it copies or mounts from, and its base, by index. */
  dependsOn: readonly number[];
}

export type BaseSource =
  | { kind: 'scratch' }
  | { kind: 'image'; reference: string }
  | { kind: 'stage'; index: number }
  | { kind: 'context'; name: string };

/** What a step takes files from. */
export type FileSource =
  | { kind: 'context' }
  | { kind: 'named-context'; name: string }
  | { kind: 'stage'; index: number }
  | { kind: 'image'; reference: string }
  /** `scratch`. */
  | { kind: 'empty' };

/** What a stage starts from, once it is known. */
export type StageBase =
  /** Also for a named context that is a directory. */
  | { kind: 'scratch' }
  /** The whole image configuration document. */
  | { kind: 'image'; document: Readonly<Record<string, unknown>> }
  | { kind: 'stage'; stage: EvaluatedStage }
  /** An image that nobody looked at: for checks. */
  | { kind: 'unknown' };

export interface EvaluatedStage {
  /** One for each entry that the image's history gets, in order. */
  steps: readonly PlannedStep[];
  /** The image's `config` after the last step, in the words of the image specification; keys in Docker's order. */
  config: Record<string, unknown>;
  /** Of MAINTAINER, or the base image's. */
  author: string | undefined;
  /** The image configuration's `architecture`, `os`, `variant` and so on. */
  platform: ImagePlatform;
  /** Stages that triggers of the base image take files from, which may not be among the planned ones. */
  alsoNeeds: readonly number[];
  /** What stages on top of this one inherit. */
  state: StageState;
}

export interface ImagePlatform {
  architecture: string;
  os: string;
  variant?: string;
  'os.version'?: string;
  'os.features'?: string[];
}

/** One instruction of a stage that the solver sees. Steps that only change the configuration make no layer. */
export interface PlannedStep {
  /** As shown: `RUN make`, expanded as Docker shows it; triggers begin with `ONBUILD `. */
  text: string;
  range: SourceRange;
  /** History's `created_by` and `comment` as Docker writes them. */
  createdBy: string;
  comment: string;
  /** True: no layer, however it ends (ENV, CMD …). */
  emptyLayer: boolean;
  work: StepWork | undefined;
}

export type StepWork = RunWork | CopyWork | WorkdirWork;

export interface RunWork {
  kind: 'run';
  /** Arguments of the process, shell put before. */
  arguments: readonly string[];
  /** ENV and the build arguments in scope, as `KEY=value`. */
  environment: readonly string[];
  /** Proxy settings of the build, as `KEY=value`: given to the process, but no part of the cache key. */
  proxyEnvironment: readonly string[];
  user: string;
  workingDirectory: string;
  /** Contents of here-documents that the command reads as files: path in the container and text. */
  files: readonly { path: string; content: string; mode: number }[];
  mounts: readonly RunMount[];
  network: 'default' | 'none' | 'host';
  security: 'sandbox' | 'insecure';
}

export type RunMount =
  | { type: 'bind'; source: FileSource; sourcePath: string; target: string; readOnly: boolean }
  | {
      type: 'cache';
      id: string;
      target: string;
      sharing: 'shared' | 'private' | 'locked';
      readOnly: boolean;
      source: FileSource | undefined;
      sourcePath: string;
      mode: number;
      uid: number;
      gid: number;
    }
  | { type: 'tmpfs'; target: string; size: number | undefined }
  | {
      type: 'secret';
      id: string;
      target: string | undefined;
      /** Name of a variable that gets the secret. */
      variable: string | undefined;
      required: boolean;
      mode: number;
      uid: number;
      gid: number;
    }
  | { type: 'ssh'; id: string; target: string; required: boolean; mode: number; uid: number; gid: number };

export interface CopyWork {
  kind: 'copy';
  instruction: 'COPY' | 'ADD';
  source: FileSource;
  /** Expanded; for ADD possibly URLs and git references. */
  paths: readonly string[];
  heredocs: readonly Heredoc[];
  /** Absolute; ends with '/' when it was written as a directory. */
  destination: string;
  chown: string | undefined;
  chmod: string | undefined;
  link: boolean;
  parents: boolean;
  exclude: readonly string[];
  unpack: boolean | undefined;
  checksum: string | undefined;
  keepGitDir: boolean;
}

/** Makes the directory when it is missing. */
export interface WorkdirWork {
  kind: 'workdir';
  path: string;
  user: string;
}
