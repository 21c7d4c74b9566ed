import { invalid } from '../../base/index.ts';
import { formatReference, tryParseReference, withDefaultTag } from '../../images/index.ts';
import type { SourceRange } from '../builder.ts';
import type { Dockerfile, Instruction, Stage } from '../dockerfile/dockerfile.ts';
import { expandWord, NO_VARIABLES } from '../dockerfile/expand.ts';
import { located } from '../dockerfile/lines.ts';
import { parseTrigger } from '../dockerfile/parse.ts';
import { didYouMean } from '../dockerfile/suggest.ts';
import { DockerfileError } from '../errors.ts';
import { globalArguments, platformArguments } from './arguments.ts';
import { checkDefaultBases, checkFile, checkFrom } from './lint/stage-rules.ts';
import type { BaseSource, PlanContext, PlannedStage, PlanOptions, StagePlan } from './plan.ts';
import { formatPlatform, type Platform, parsePlatform } from './platform.ts';

/**
 * Decides which stages a target needs, and in what order. Errors are `DockerfileError`s: an unknown target, stages that need each other, names
 * and platforms that are none.
 */
export function planStages(dockerfile: Dockerfile, options: PlanOptions): StagePlan {
  const { stages } = dockerfile;
  const host = parsePlatform(options.hostPlatform, options.hostPlatform);
  const platform = options.platform ? parsePlatform(options.platform, options.hostPlatform) : host;
  const predefined = platformArguments(host, platform, options.target || stages.at(-1)!.name);
  checkFile(dockerfile, options.linter);
  checkDefaultBases(dockerfile, globalArguments(predefined, dockerfile, {}), options.linter);
  const globals = globalArguments(predefined, dockerfile, options.buildArguments);
  const stageNames = new Map(stages.filter(({ name }) => name !== '').map(({ name, index }) => [name, index]));
  const resolved = stages.map((stage) => resolveStage(stage, dockerfile, options, globals, platform));
  const planned = resolved.map((entry) => withDependencies(entry, stages, resolved, stageNames));
  refuseCircles(planned);
  const targetIndex = findTarget(options.target, dockerfile, stageNames);
  const wanted = options.all ? stages.map(({ index }) => index) : [...(options.include ?? []), targetIndex];
  const context: PlanContext = { dockerfile, options, globals, stageNames, targetIndex };
  return { stages: inOrder(planned, wanted, targetIndex), context, sourceDateEpoch: epochOf(options, globals) };
}

type ResolvedStage = Omit<PlannedStage, 'dependsOn' | 'label'>;

/** Base and platform of a stage, with global arguments put in. */
function resolveStage(
  stage: Stage,
  dockerfile: Dockerfile,
  options: PlanOptions,
  globals: ReadonlyMap<string, string>,
  target: Platform,
): ResolvedStage {
  const expand = (text: string) => located(stage.range, () => expandWord(text, globals, { escape: dockerfile.escape }));
  const base = expand(stage.base);
  const platform = stage.platform === undefined ? undefined : expand(stage.platform);
  checkFrom(stage, base, platform, globals, dockerfile, options.linter);
  if (base.text === '') throw new DockerfileError(`base name (${stage.base}) should not be blank`, [stage.range]);
  const chosen = platform === undefined ? target : stagePlatform(stage, platform.text, options, globals, platform.missing);
  const shadow = stage.name !== '' && matchContext(stage.name, options.namedContexts);
  if (shadow) return { stage: { ...stage, instructions: [] }, base: { kind: 'context', name: shadow }, platform: formatPlatform(chosen) };
  return { stage, base: baseSource(stage, base.text, dockerfile, options), platform: formatPlatform(chosen) };
}

function stagePlatform(
  stage: Stage,
  text: string,
  options: PlanOptions,
  globals: ReadonlyMap<string, string>,
  missing: ReadonlySet<string>,
): Platform {
  const meant = [...missing].map((name) => didYouMean(name, globals.keys())).find((hint) => hint !== '') ?? '';
  if (text === '') throw new DockerfileError(`empty platform value from expression ${stage.platform}${meant}`, [stage.range]);
  try {
    return parsePlatform(text, options.hostPlatform);
  } catch (error) {
    throw new DockerfileError(`failed to parse platform ${stage.platform}: ${(error as Error).message}${meant}`, [stage.range]);
  }
}

function baseSource(stage: Stage, name: string, dockerfile: Dockerfile, options: PlanOptions): BaseSource {
  const earlier = dockerfile.stages.findLast((other) => other.index < stage.index && other.name !== '' && other.name === name);
  if (earlier) return { kind: 'stage', index: earlier.index };
  if (name === 'scratch') return { kind: 'scratch' };
  const context = matchContext(name, options.namedContexts);
  if (context) return { kind: 'context', name: context };
  checkReference(name, stage.range);
  return { kind: 'image', reference: name };
}

export function checkReference(name: string, range: SourceRange): void {
  if (!tryParseReference(name))
    throw new DockerfileError(`failed to parse stage name ${JSON.stringify(name.slice(0, 300))}: invalid reference format`, [range]);
}

/** The named context that a stage's or image's name stands for: `alpine`, `alpine:latest` and the like are the same. */
export function matchContext(name: string, contexts: readonly string[]): string | undefined {
  if (name === 'scratch' || name === 'context') return undefined;
  if (contexts.includes(name)) return name;
  const full = (text: string) => {
    const reference = tryParseReference(text);
    return reference && formatReference(withDefaultTag(reference));
  };
  const wanted = contexts.length === 0 ? undefined : full(name);
  return wanted === undefined ? undefined : contexts.find((context) => full(context) === wanted);
}

function withDependencies(
  entry: ResolvedStage,
  stages: readonly Stage[],
  resolved: readonly ResolvedStage[],
  names: ReadonlyMap<string, number>,
): PlannedStage {
  const needed = new Set(entry.base.kind === 'stage' ? [entry.base.index] : []);
  const inherited = entry.base.kind === 'stage' ? triggersOf(resolved[entry.base.index]!.stage, entry.stage.range) : [];
  for (const instruction of [...inherited, ...entry.stage.instructions])
    for (const source of stagesUsedBy(instruction, stages, names)) needed.add(source);
  return { ...entry, label: labelOf(entry.stage, stages), dependsOn: [...needed].sort((a, b) => a - b) };
}

const triggersOf = (stage: Stage, range: SourceRange): Instruction[] =>
  stage.instructions.filter((one) => one.name === 'ONBUILD').map((one) => parseTrigger(one.trigger, range));

/** Indexes of stages that an instruction takes files from. */
export function stagesUsedBy(instruction: Instruction, stages: readonly Stage[], names: ReadonlyMap<string, number>): number[] {
  if (instruction.name === 'RUN')
    return instruction.mounts.map(({ from }) => names.get(from?.toLowerCase() ?? '')).filter((found) => found !== undefined);
  if (instruction.name !== 'COPY' || instruction.from === undefined) return [];
  const { from, range } = instruction;
  if (located(range, () => expandWord(from, NO_VARIABLES, { escape: '\\' })).text !== from)
    throw new DockerfileError(
      'variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround',
      [range],
    );
  if (!/^[+-]?\d+$/.test(from)) return [names.get(from.toLowerCase())].filter((found) => found !== undefined);
  const index = Number(from);
  if (index < 0 || index >= stages.length) throw new DockerfileError(`invalid stage index ${index}`, [range]);
  return [index];
}

/** Docker numbers nameless stages when there is more than one source of files. */
function labelOf(stage: Stage, stages: readonly Stage[]): string {
  const alone =
    stages.length === 1 &&
    !stage.instructions.some((one) => (one.name === 'RUN' && one.mounts.length > 0) || (one.name === 'COPY' && one.from !== undefined));
  return alone ? '' : stage.name || `stage-${stage.index}`;
}

/** A stage may use earlier ones only. */
function refuseCircles(stages: readonly PlannedStage[]): void {
  for (const { stage, dependsOn, label } of stages) {
    const later = dependsOn.find((index) => index >= stage.index);
    if (later === undefined) continue;
    const ranges = stage.instructions.filter((one) => (one.name === 'COPY' && one.from) || one.name === 'RUN').map(({ range }) => range);
    if (reaches(stages, later, stage.index))
      throw new DockerfileError(`circular dependency detected on stage: ${label || stage.name || 'stage-0'}`, ranges);
  }
}

function reaches(stages: readonly PlannedStage[], from: number, goal: number, seen = new Set<number>()): boolean {
  const open = [from];
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    if (index === goal) return true;
    if (seen.has(index)) continue;
    seen.add(index);
    open.push(...stages[index]!.dependsOn);
  }
  return false;
}

function findTarget(target: string | undefined, dockerfile: Dockerfile, names: ReadonlyMap<string, number>): number {
  if (!target) return dockerfile.stages.length - 1;
  const found = names.get(target.toLowerCase());
  if (found !== undefined) return found;
  const options = dockerfile.stages.map(({ name, index }) => name || `stage-${index}`);
  throw new DockerfileError(`target stage ${JSON.stringify(target)} could not be found${didYouMean(target, options)}`, []);
}

/** What is needed, dependencies first, the target last. */
function inOrder(stages: readonly PlannedStage[], wanted: readonly number[], target: number): PlannedStage[] {
  const needed = new Set<number>();
  const open = [...wanted];
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    if (needed.has(index)) continue;
    needed.add(index);
    const { stage, dependsOn } = stages[index]!;
    const later = dependsOn.find((other) => other >= index);
    if (later !== undefined)
      throw new DockerfileError(
        `cannot copy from stage ${JSON.stringify(nameOf(stages[later]!))}, it needs to be defined before current stage ${JSON.stringify(nameOf(stages[index]!))}`,
        [stage.range],
      );
    open.push(...dependsOn);
  }
  const order = [...needed].filter((index) => index !== target).sort((a, b) => a - b);
  return [...order, target].map((index) => stages[index]!);
}

const nameOf = ({ stage }: PlannedStage): string => stage.name || `stage-${stage.index}`;

function epochOf(options: PlanOptions, globals: ReadonlyMap<string, string>): number | undefined {
  const text = options.buildArguments.SOURCE_DATE_EPOCH ?? globals.get('SOURCE_DATE_EPOCH');
  if (!text) return undefined;
  if (!/^\d{1,12}$/.test(text)) throw invalid(`invalid SOURCE_DATE_EPOCH: ${text}`, 'It is a number of seconds since 1970.');
  return Number(text);
}
