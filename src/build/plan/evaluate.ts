import { invalid } from '../../base/index.ts';
import type { Instruction } from '../dockerfile/dockerfile.ts';
import { located } from '../dockerfile/lines.ts';
import { parseTrigger } from '../dockerfile/parse.ts';
import { copyConfiguration, DEFAULT_PATH, readConfiguration, setVariable, splitVariable, writeConfiguration } from './configuration.ts';
import { applyToConfiguration } from './evaluate-configuration.ts';
import { evaluateCopy } from './evaluate-copy.ts';
import { evaluateRun } from './evaluate-run.ts';
import type { Linter } from './lint/linter.ts';
import { absolute } from './paths.ts';
import type { EvaluatedStage, ImagePlatform, PlannedStage, StageBase, StagePlan } from './plan.ts';
import { parsePlatform } from './platform.ts';
import { StageEvaluation } from './stage-evaluation.ts';
import { stagesUsedBy } from './stages.ts';
import type { StageState } from './state.ts';

/**
 * What the instructions of a stage come to on this base. Errors are `DockerfileError`s. When it turns out to need stages that are not
 * planned (`alsoNeeds`), plan again with `include`.
 */
export function evaluateStage(plan: StagePlan, planned: PlannedStage, base: StageBase, options: { linter?: Linter } = {}): EvaluatedStage {
  const { context } = plan;
  const { range } = planned.stage;
  const state = startingState(planned, base);
  const evaluation = new StageEvaluation(context, planned, state, options.linter);
  const triggers = state.configuration.triggers.map((trigger) => parseTrigger(trigger, range));
  state.configuration.triggers = [];
  evaluation.isTrigger = true;
  for (const trigger of triggers) {
    located(range, () => refuseLaterStages(trigger, evaluation));
    located(range, () => evaluateInstruction(trigger, evaluation));
  }
  evaluation.isTrigger = false;
  for (const instruction of planned.stage.instructions) located(instruction.range, () => evaluateInstruction(instruction, evaluation));
  if (planned.stage.index === context.targetIndex)
    for (const [key, value] of Object.entries(context.options.labels ?? {})) state.configuration.labels.set(key, value);
  return {
    steps: evaluation.steps,
    config: writeConfiguration(state.configuration),
    author: state.author,
    platform: state.platform,
    alsoNeeds: [...evaluation.alsoNeeds],
    state,
  };
}

function evaluateInstruction(instruction: Instruction, evaluation: StageEvaluation): void {
  switch (instruction.name) {
    case 'RUN':
      return evaluateRun(instruction, evaluation);
    case 'COPY':
    case 'ADD':
      return evaluateCopy(instruction, evaluation);
    default:
      return applyToConfiguration(instruction, evaluation);
  }
}

/** Stages of the Dockerfile are known when it is planned, but for those that triggers of an image name. */
function refuseLaterStages(trigger: Instruction, { context, planned }: StageEvaluation): void {
  const { index } = planned.stage;
  const later = stagesUsedBy(trigger, context.dockerfile.stages, context.stageNames).find((used) => used >= index);
  if (later === undefined) return;
  const name = context.dockerfile.stages[later]!.name || `stage-${later}`;
  throw invalid(`cannot copy from stage ${JSON.stringify(name)}, it needs to be defined before current stage`);
}

function startingState(planned: PlannedStage, base: StageBase): StageState {
  const state = base.kind === 'stage' ? inherited(base.stage.state) : fresh(planned, base);
  const { configuration, variables } = state;
  if (!configuration.environment.some((entry) => entry.startsWith('PATH='))) setVariable(configuration.environment, 'PATH', DEFAULT_PATH);
  // An ENV wins over an ARG of the stage below.
  for (const entry of configuration.environment) variables.set(...splitVariable(entry));
  if (configuration.workingDirectory !== '') configuration.workingDirectory = absolute('/', configuration.workingDirectory);
  return state;
}

function inherited(state: StageState): StageState {
  return {
    ...state,
    configuration: copyConfiguration(state.configuration),
    variables: new Map(state.variables),
    arguments: [...state.arguments],
  };
}

function fresh(planned: PlannedStage, base: Exclude<StageBase, { kind: 'stage' }>): StageState {
  const document = base.kind === 'image' ? base.document : {};
  const configuration = readConfiguration(document.config);
  if (base.kind === 'scratch') configuration.workingDirectory = '/';
  return {
    configuration,
    variables: new Map(),
    arguments: [],
    author: typeof document.author === 'string' && document.author !== '' ? document.author : undefined,
    platform: platformOf(document, planned.platform),
    workdirSet: false,
    baseKnown: base.kind !== 'unknown',
  };
}

function platformOf(document: Readonly<Record<string, unknown>>, wanted: string): ImagePlatform {
  const asked = parsePlatform(wanted, wanted);
  const text = (key: string): string | undefined => (typeof document[key] === 'string' && document[key] !== '' ? document[key] : undefined);
  const [os, architecture] = [text('os') ?? asked.os, text('architecture') ?? asked.architecture];
  // Written as platforms are compared: without the variant that goes without saying.
  const { variant } = parsePlatform([os, architecture, ...(text('variant') ? [text('variant')] : [])].join('/'), wanted);
  const features = document['os.features'];
  return {
    architecture,
    os,
    ...(variant === '' ? {} : { variant }),
    ...(text('os.version') === undefined ? {} : { 'os.version': text('os.version')! }),
    ...(Array.isArray(features) ? { 'os.features': features as string[] } : {}),
  };
}
