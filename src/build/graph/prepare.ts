import { describe, GantryError, unsupported } from '../../base/index.ts';
import { hasEmulator } from '../../host/index.ts';
import type { LayerLease } from '../../images/index.ts';
import type { BuildRequest, DockerfileSourceText, SourceRange } from '../builder.ts';
import { parseDockerfile } from '../dockerfile/index.ts';
import { DockerfileError } from '../errors.ts';
import type { BuildParts } from '../parts.ts';
import { evaluateStage, Linter, planStages } from '../plan/index.ts';
import type { EvaluatedStage, PlannedStage, StageBase, StagePlan } from '../plan/plan.ts';
import { type BuildPlan, hostPlatform, imageKey, type MadeBase, type NamedSource, type StageToMake, sourcesOf } from './build-plan.ts';
import { BuildContexts } from './contexts.ts';
import { BuildImages, type FoundImage, longName } from './images.ts';
import { checkBasePlatform, checkIgnoredCopies } from './lint.ts';
import { imageFrom, PreparedImage } from './prepared.ts';
import { Progress, type StepProgress } from './progress.ts';

/** Reads, looks up and decides. What it opened is closed when it fails, or else when the prepared build is disposed of. */
export async function prepareBuild(parts: BuildParts, request: BuildRequest, signal: AbortSignal): Promise<PreparedImage> {
  const held = new AsyncDisposableStack();
  try {
    const lease = held.use(parts.assembly.lease());
    const progress = new Progress({ observe: request.observe, clock: parts.clock, buildId: parts.ids.next() });
    const contexts = new BuildContexts(parts, request, progress, held);
    const { source, step } = await contexts.readDefinition(signal);
    const plan = await locating(source, () => decide({ parts, request, source, contexts, progress, definition: step, lease }, signal));
    for (const warning of plan.warnings) step.warn(warning, source);
    return new PreparedImage(parts, plan, lease, held);
  } catch (error) {
    await held.disposeAsync();
    throw error;
  }
}

interface Setting {
  parts: BuildParts;
  request: BuildRequest;
  source: DockerfileSourceText;
  definition: StepProgress;
  contexts: BuildContexts;
  progress: Progress;
  lease: LayerLease;
}

async function decide(setting: Setting, signal: AbortSignal): Promise<BuildPlan> {
  const { request, source, progress } = setting;
  const dockerfile = parseDockerfile(source.data, source.filename);
  const linter = new Linter(dockerfile.check);
  const images = new BuildImages(setting.parts, request, progress);
  const options = {
    target: request.target,
    buildArguments: definedOnly(request.buildArguments),
    labels: request.labels,
    platform: request.platform,
    hostPlatform: hostPlatform(),
    namedContexts: Object.keys(request.namedContexts),
    linter,
  };
  const named = new Map<string, NamedSource>();
  let include: readonly number[] = [];
  for (;;) {
    const plan = planStages(dockerfile, { ...options, include });
    const stages = await evaluateAll(plan, { request, images, named }, signal);
    const planned = new Set(plan.stages.map(({ stage }) => stage.index));
    const missing = stages.flatMap(({ evaluated }) => evaluated.alsoNeeds).filter((index) => !planned.has(index));
    if (missing.length > 0) {
      include = [...include, ...missing];
      continue;
    }
    lintInputs(stages, await setting.contexts.readExclusions(signal), linter);
    const violation = linter.violation();
    if (violation !== undefined)
      throw new DockerfileError(
        violation,
        linter.warnings.flatMap(({ ranges }) => ranges),
      );
    const taken = await findTaken(stages, { request, images, named }, signal);
    for (const stage of stages) refuseForeign(stage);
    for (const { image } of [...taken.values(), ...stages.flatMap(({ base }) => (base.kind === 'image' ? [base.found] : []))])
      for (const layer of image.layers) setting.lease.add(layer);
    const { contexts, definition } = setting;
    return { request, source, definition, plan, stages, images: taken, named, contexts, progress, warnings: linter.warnings };
  }
}

function lintInputs(stages: readonly StageToMake[], excluded: readonly string[], linter: Linter): void {
  checkIgnoredCopies(
    stages.map(({ evaluated }) => evaluated),
    excluded,
    linter,
  );
  for (const { planned, base } of stages) if (base.kind === 'image') checkBasePlatform(planned, base.found, linter);
}

interface Lookup {
  request: BuildRequest;
  images: BuildImages;
  named: Map<string, NamedSource>;
}

async function evaluateAll(plan: StagePlan, lookup: Lookup, signal: AbortSignal): Promise<StageToMake[]> {
  // Images are looked up side by side; the order of evaluation is that of the plan.
  const found = await Promise.all(plan.stages.map((planned) => findBase(planned, lookup, signal)));
  const evaluated = new Map<number, EvaluatedStage>();
  return plan.stages.map((planned, position) => {
    const base = found[position] as MadeBase;
    const stage = evaluateStage(plan, planned, baseForPlan(base, evaluated), plan.context.options);
    evaluated.set(planned.stage.index, stage);
    return { planned, base, evaluated: stage };
  });
}

async function findBase(planned: PlannedStage, lookup: Lookup, signal: AbortSignal): Promise<MadeBase> {
  const { base, platform } = planned;
  if (base.kind === 'scratch' || base.kind === 'stage') return base;
  if (base.kind === 'image')
    return {
      kind: 'image',
      found: await located(planned.stage.range, base.reference, signal, () => lookup.images.find(base.reference, platform, signal)),
    };
  const source = await findNamed(base.name, platform, lookup, signal);
  return source.kind === 'directory' ? { kind: 'directory', name: base.name } : source;
}

async function findNamed(name: string, platform: string, lookup: Lookup, signal: AbortSignal): Promise<NamedSource> {
  const known = lookup.named.get(name);
  if (known) return known;
  const source = lookup.request.namedContexts[name];
  if (source === undefined) throw unsupported(`there is no build context named ${name}`);
  let made: NamedSource;
  if (source.kind === 'image') made = { kind: 'image', found: await lookup.images.find(source.reference, platform, signal) };
  else if (source.kind === 'build') made = { kind: 'build', build: imageFrom(source.build) };
  else made = { kind: 'directory', source };
  lookup.named.set(name, made);
  return made;
}

function baseForPlan(base: MadeBase, evaluated: ReadonlyMap<number, EvaluatedStage>): StageBase {
  switch (base.kind) {
    case 'image':
      return { kind: 'image', document: base.found.image.rawConfig };
    case 'stage':
      return { kind: 'stage', stage: evaluated.get(base.index) as EvaluatedStage };
    case 'build':
      return { kind: 'image', document: base.build.document() };
    default:
      return { kind: 'scratch' };
  }
}

async function findTaken(stages: readonly StageToMake[], lookup: Lookup, signal: AbortSignal): Promise<Map<string, FoundImage>> {
  const taken = new Map<string, FoundImage>();
  for (const { planned, evaluated } of stages) {
    const sources = evaluated.steps.flatMap(({ work, range }) => sourcesOf(work).map((source) => ({ source, range })));
    for (const { source, range } of sources) {
      if (source.kind === 'named-context') await findNamed(source.name, planned.platform, lookup, signal);
      if (source.kind !== 'image') continue;
      const key = imageKey(source.reference, planned.platform);
      if (!taken.has(key))
        taken.set(
          key,
          await located(range, source.reference, signal, () => lookup.images.find(source.reference, planned.platform, signal)),
        );
    }
  }
  return taken;
}

/** Processes of another machine run only where binfmt_misc knows how. */
function refuseForeign({ planned, evaluated }: StageToMake): void {
  const [os = 'linux', architecture = ''] = planned.platform.split('/');
  const [, host] = hostPlatform().split('/');
  if (!evaluated.steps.some(({ work }) => work?.kind === 'run')) return;
  if (os === 'linux' && (architecture === host || (architecture === '386' && host === 'amd64'))) return;
  if (os === 'linux' && hasEmulator(architecture)) return;
  throw unsupported(
    `platform ${planned.platform}: this host cannot run programs of it`,
    'Install an emulator for it that registers with binfmt_misc (Debian: qemu-user-static), or build for the host.',
  );
}

export function definedOnly(given: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** Says where the image is asked for, and which one it is. */
async function located<T>(range: SourceRange, reference: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (signal.aborted || !(error instanceof GantryError)) throw error;
    const message = `${reference}: failed to resolve source metadata for ${longName(reference)}: ${describe(error)}`;
    throw new DockerfileError(message, [range], undefined, {
      cause: error,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}

/** Whoever shows the error gets the Dockerfile's text with it. */
async function locating<T>(source: DockerfileSourceText, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DockerfileError) error.source ??= source;
    throw error;
  }
}
