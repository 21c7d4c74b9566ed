import { posix } from 'node:path';
import type { StepWork } from '../plan/plan.ts';
import type { BuildPlan } from './build-plan.ts';

/** What steps take from the main context, as patterns of COPY; undefined when that is all of it. */
export function wantedPaths(plan: BuildPlan): string[] | undefined {
  const paths = plan.stages.flatMap(({ evaluated }) => evaluated.steps.flatMap(({ work }) => pathsOf(work)));
  const clean = paths.map((path) => posix.normalize(`/${path}`).slice(1).replace(/\/+$/, ''));
  return clean.includes('') ? undefined : [...new Set(clean)].sort();
}

const ELSEWHERE = /^(https?:\/\/|git@|ssh:\/\/|git:\/\/)/;

function pathsOf(work: StepWork | undefined): string[] {
  if (work?.kind === 'copy') return work.source.kind === 'context' ? work.paths.filter((path) => !ELSEWHERE.test(path)) : [];
  if (work?.kind !== 'run') return [];
  return work.mounts.flatMap((mount) =>
    (mount.type === 'bind' || mount.type === 'cache') && mount.source?.kind === 'context' ? [mount.sourcePath] : [],
  );
}
