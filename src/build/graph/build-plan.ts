import { arch } from 'node:os';
import type { BuildRequest, DockerfileSourceText, DockerfileWarning } from '../builder.ts';
import type { EvaluatedStage, FileSource, PlannedStage, StagePlan, StepWork } from '../plan/plan.ts';
import type { BuildContexts, DirectorySource } from './contexts.ts';
import type { FoundImage } from './images.ts';
import type { PreparedImage } from './prepared.ts';
import type { Progress, StepProgress } from './progress.ts';

/** One stage that is to be made. */
export interface StageToMake {
  planned: PlannedStage;
  evaluated: EvaluatedStage;
  base: MadeBase;
}

/** What a stage stands on. */
export type MadeBase =
  | { kind: 'scratch' }
  | { kind: 'image'; found: FoundImage }
  | { kind: 'stage'; index: number }
  /** A directory becomes one layer. */
  | { kind: 'directory'; name: string }
  | { kind: 'build'; build: PreparedImage };

/** What images and results of other builds are called in `--build-context`. */
export type NamedSource =
  | { kind: 'image'; found: FoundImage }
  | { kind: 'build'; build: PreparedImage }
  | { kind: 'directory'; source: DirectorySource };

/** Everything that is decided before the first step runs. */
export interface BuildPlan {
  request: BuildRequest;
  source: DockerfileSourceText;
  definition: StepProgress;
  plan: StagePlan;
  stages: readonly StageToMake[];
  /** By reference and platform, of what steps take files from. */
  images: ReadonlyMap<string, FoundImage>;
  named: ReadonlyMap<string, NamedSource>;
  contexts: BuildContexts;
  progress: Progress;
  warnings: readonly DockerfileWarning[];
}

/** Sources of files among a step's work. */
export function sourcesOf(work: StepWork | undefined): FileSource[] {
  if (work?.kind === 'copy') return [work.source];
  if (work?.kind !== 'run') return [];
  return work.mounts.flatMap((mount) =>
    mount.type === 'bind' ? [mount.source] : mount.type === 'cache' && mount.source ? [mount.source] : [],
  );
}

export const imageKey = (reference: string, platform: string): string => `${reference} ${platform}`;

const ARCHITECTURES: Record<string, string> = { x64: 'amd64', ia32: '386', arm: 'arm/v7' };

export const hostPlatform = (): string => `linux/${ARCHITECTURES[arch()] ?? arch()}`;
