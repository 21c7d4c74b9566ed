import { GantryError } from '../../base/index.ts';
import type { BuildRequest, DockerfileReport, SourceRange } from '../builder.ts';
import { type Dockerfile, parseDockerfile } from '../dockerfile/index.ts';
import { DockerfileError } from '../errors.ts';
import type { BuildParts } from '../parts.ts';
import { type EvaluatedStage, evaluateStage, Linter, planStages, type StagePlan } from '../plan/index.ts';
import { hostPlatform } from './build-plan.ts';
import { BuildContexts } from './contexts.ts';
import { checkIgnoredCopies } from './lint.ts';
import { definedOnly } from './prepare.ts';
import { Progress } from './progress.ts';

/** What a Dockerfile says of itself, without looking at any image. */
export async function checkBuild(parts: BuildParts, request: BuildRequest, signal: AbortSignal): Promise<DockerfileReport> {
  await using undo = new AsyncDisposableStack();
  const progress = new Progress({ observe: request.observe, clock: parts.clock, buildId: parts.ids.next() });
  const contexts = new BuildContexts(parts, request, progress, undo);
  const { source } = await contexts.readDefinition(signal);
  const empty: DockerfileReport = {
    ...{ source, warnings: [], failsOnWarnings: false, targets: [] },
    outline: { name: '', description: '', arguments: [], secrets: [], ssh: [], cacheMounts: [] },
  };
  let linter: Linter | undefined;
  try {
    const dockerfile = parseDockerfile(source.data, source.filename);
    linter = new Linter(dockerfile.check);
    const options = {
      ...{ target: request.target, labels: request.labels, platform: request.platform, linter, all: true },
      buildArguments: definedOnly(request.buildArguments),
      hostPlatform: hostPlatform(),
      namedContexts: Object.keys(request.namedContexts),
    };
    const plan = planStages(dockerfile, options);
    const evaluated = evaluateBlindly(plan);
    if (linter.asks('CopyIgnoredFile')) checkIgnoredCopies(evaluated.values(), await contexts.readExclusions(signal), linter);
    return {
      ...empty,
      warnings: linter.warnings,
      failsOnWarnings: dockerfile.check.error,
      targets: targetsOf(dockerfile, plan),
      outline: outlineOf(dockerfile, plan, evaluated),
    };
  } catch (error) {
    if (!(error instanceof GantryError)) throw error;
    const range = (error instanceof DockerfileError ? error.ranges[0] : undefined) ?? { start: 1, end: 1 };
    return { ...empty, warnings: linter?.warnings ?? [], error: { message: error.message, range } };
  }
}

/** Stages that stand on images nobody looked at have only what the Dockerfile says. */
function evaluateBlindly(plan: StagePlan): Map<number, EvaluatedStage> {
  const evaluated = new Map<number, EvaluatedStage>();
  for (const planned of plan.stages) {
    const below = planned.base.kind === 'stage' ? evaluated.get(planned.base.index) : undefined;
    const base = below
      ? ({ kind: 'stage', stage: below } as const)
      : ({ kind: planned.base.kind === 'scratch' ? 'scratch' : 'unknown' } as const);
    evaluated.set(planned.stage.index, evaluateStage(plan, planned, base, plan.context.options));
  }
  return evaluated;
}

function targetsOf({ stages }: Dockerfile, { context }: StagePlan): DockerfileReport['targets'] {
  return stages.map(({ name, index, base, description, platform, range }) => ({
    name,
    ...{ description, base, range },
    platform: platform ?? '',
    default: index === context.targetIndex,
  }));
}

/** What the target takes from whoever builds it. */
function outlineOf(dockerfile: Dockerfile, plan: StagePlan, evaluated: ReadonlyMap<number, EvaluatedStage>): DockerfileReport['outline'] {
  const needed = neededStages(plan);
  const stages = needed.flatMap((index) => dockerfile.stages[index] ?? []);
  const declared = [
    ...dockerfile.globalArguments,
    ...stages.flatMap(({ instructions }) => instructions.flatMap((one) => (one.name === 'ARG' ? [one] : []))),
  ];
  const values = new Map(
    needed.flatMap((index) => (evaluated.get(index)?.state.arguments ?? []).map(({ key, value }) => [key, value ?? ''] as const)),
  );
  const mounts = needed.flatMap((index) =>
    (evaluated.get(index)?.steps ?? []).flatMap(({ work, range }) =>
      work?.kind === 'run' ? work.mounts.map((mount) => ({ mount, range })) : [],
    ),
  );
  const named = (type: 'secret' | 'ssh') =>
    mounts.flatMap(({ mount, range }): { name: string; required: boolean; range: SourceRange }[] =>
      mount.type === type ? [{ name: mount.id, required: mount.required, range }] : [],
    );
  const target = dockerfile.stages[plan.context.targetIndex];
  return {
    name: target?.name ?? '',
    description: target?.description ?? '',
    arguments: declared.flatMap((one) =>
      one.arguments.map(({ key, description }) => ({
        name: key,
        description,
        value: values.get(key) ?? plan.context.globals.get(key) ?? '',
        range: one.range,
      })),
    ),
    secrets: named('secret'),
    ssh: named('ssh'),
    cacheMounts: mounts.flatMap(({ mount }) => (mount.type === 'cache' ? [mount.id] : [])),
  };
}

function neededStages({ stages, context }: StagePlan): number[] {
  const needed = new Set<number>();
  const open = [context.targetIndex];
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    if (needed.has(index)) continue;
    needed.add(index);
    open.push(...(stages.find(({ stage }) => stage.index === index)?.dependsOn ?? []));
  }
  return [...needed].sort((a, b) => a - b);
}
