import { constants } from 'node:os';
import { invalid } from '../../base/index.ts';
import type {
  ArgInstruction,
  CommandInstruction,
  CommandLine,
  CopyInstruction,
  EnvInstruction,
  HealthcheckInstruction,
  Instruction,
  KeyValue,
  LabelInstruction,
  ListInstruction,
  RunInstruction,
  WordInstruction,
} from '../dockerfile/dockerfile.ts';
import { expandWords } from '../dockerfile/expand.ts';
import { setVariable } from './configuration.ts';
import { duration, quoted, quotedLetter, quotedList } from './go-text.ts';
import { absolute } from './paths.ts';
import { parseExposed } from './ports.ts';
import type { StageEvaluation } from './stage-evaluation.ts';

/** Instructions that run nothing and copy nothing. */
export function applyToConfiguration(instruction: Exclude<Instruction, RunInstruction | CopyInstruction>, stage: StageEvaluation): void {
  switch (instruction.name) {
    case 'ENV':
    case 'LABEL':
      return setPairs(instruction, stage);
    case 'ARG':
      return declareArguments(instruction, stage);
    case 'CMD':
    case 'ENTRYPOINT':
      return setCommand(instruction, stage);
    case 'HEALTHCHECK':
      return setHealthcheck(instruction, stage);
    case 'EXPOSE':
    case 'VOLUME':
    case 'SHELL':
      return setList(instruction, stage);
    case 'ONBUILD':
      // Makes no entry in the history, unlike all others.
      stage.state.configuration.triggers = [...stage.state.configuration.triggers, instruction.trigger];
      return;
    default:
      return setWord(instruction, stage);
  }
}

function setPairs(instruction: EnvInstruction | LabelInstruction, stage: StageEvaluation): void {
  const { configuration, variables } = stage.state;
  // All are expanded before the first takes effect.
  const pairs = instruction.pairs.map((pair: KeyValue) => {
    if (pair.legacy)
      stage.report(
        'LegacyKeyValueFormat',
        `"${instruction.keyword} key=value" should be used instead of legacy "${instruction.keyword} key value" format`,
        instruction,
      );
    return { key: stage.expand(pair.key, instruction), value: stage.expand(pair.value, instruction) };
  });
  for (const { key, value } of pairs) {
    if (instruction.name === 'LABEL') configuration.labels.set(key, value);
    else {
      refuseSecretName('ENV', key, instruction, stage);
      setVariable(configuration.environment, key, value);
      variables.set(key, value);
    }
  }
  stage.commit(instruction, [instruction.name, ...pairs.map(({ key, value }) => `${key}=${value}`)].join(' '));
}

const SECRET = /(?:_|^)(?:apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)(?:_|$)/i;
const HARMLESS = /(?:_|^)(?:public|file|version)(?:_|$)/i;

function refuseSecretName(name: 'ARG' | 'ENV', key: string, at: Instruction, stage: StageEvaluation): void {
  if (SECRET.test(key) && !HARMLESS.test(key))
    stage.report('SecretsUsedInArgOrEnv', `Do not use ARG or ENV instructions for sensitive data (${name} "${key}")`, at);
}

/** These are settings of the builder, not variables. */
const NO_VARIABLES = new Set(['BUILDKIT_SBOM_SCAN_CONTEXT', 'BUILDKIT_SBOM_SCAN_STAGE']);

function declareArguments(instruction: ArgInstruction, stage: StageEvaluation): void {
  const { variables, arguments: declared } = stage.state;
  const { globals, options } = stage.context;
  const told = instruction.arguments.map(({ key, default: written }) => {
    refuseSecretName('ARG', key, instruction, stage);
    let value: string | undefined;
    if (Object.hasOwn(options.buildArguments, key)) value = options.buildArguments[key];
    else if (written !== undefined) value = stage.expand(written, instruction);
    else value = globals.get(key);
    if (value !== undefined && !NO_VARIABLES.has(key)) variables.set(key, value);
    declared.push({ key, value });
    return value === undefined ? key : `${key}=${value}`;
  });
  stage.commit(instruction, `ARG ${told.join(' ')}`);
}

function setCommand(instruction: CommandInstruction, stage: StageEvaluation): void {
  const { configuration } = stage.state;
  markLast(instruction, stage);
  if (instruction.command.shell && configuration.shell.length === 0)
    stage.report(
      'JSONArgsRecommended',
      `JSON arguments recommended for ${instruction.keyword} to prevent unintended behavior related to OS signals`,
      instruction,
    );
  const words = commandWords(instruction.command, configuration.shell);
  if (instruction.name === 'CMD') {
    configuration.command = words;
    configuration.argumentsEscaped = true;
  } else {
    configuration.entrypoint = words;
    // A command of the base image is meant for its entrypoint.
    if (!stage.lastOf.has('CMD')) configuration.command = [];
  }
  stage.commit(instruction, `${instruction.name} ${quotedList(words)}`);
}

/** The words of a command, the shell's before it where it takes one. */
export function commandWords(command: CommandLine, shell: readonly string[]): readonly string[] {
  return command.shell ? [...(shell.length > 0 ? shell : ['/bin/sh', '-c']), command.text] : command.words;
}

function markLast(instruction: CommandInstruction | HealthcheckInstruction, stage: StageEvaluation): void {
  const before = stage.lastOf.get(instruction.name);
  if (before)
    stage.report(
      'MultipleInstructionsDisallowed',
      `Multiple ${instruction.keyword} instructions should not be used in the same stage because only the last one will be used`,
      instruction,
      before,
    );
  stage.lastOf.set(instruction.name, instruction.range);
}

function setHealthcheck(instruction: HealthcheckInstruction, stage: StageEvaluation): void {
  markLast(instruction, stage);
  const { check } = instruction;
  const command = check?.command;
  const test = !command ? ['NONE'] : command.shell ? ['CMD-SHELL', command.text] : ['CMD', ...command.words];
  const [interval, timeout, startPeriod, startInterval, retries] = check
    ? [check.interval, check.timeout, check.startPeriod, check.startInterval, check.retries]
    : [0, 0, 0, 0, 0];
  const document = { Interval: interval, Timeout: timeout, StartPeriod: startPeriod, StartInterval: startInterval, Retries: retries };
  const given = Object.fromEntries(Object.entries(document).filter(([, value]) => value !== 0));
  stage.state.configuration.healthcheck = { Test: test, ...given };
  const durations = [interval, timeout, startPeriod, startInterval].map(duration);
  const told = [quotedList(test), ...durations.map(quoted), quotedLetter(retries)].join(' ');
  stage.commit(instruction, `HEALTHCHECK &{${told}}`);
}

function setList(instruction: ListInstruction, stage: StageEvaluation): void {
  const { configuration } = stage.state;
  if (instruction.name === 'SHELL') {
    configuration.shell = instruction.words;
    return stage.commit(instruction, `SHELL [${instruction.words.join(' ')}]`);
  }
  if (instruction.name === 'EXPOSE') return expose(instruction, stage);
  const volumes = instruction.words.map((word) => stage.expand(word, instruction));
  if (volumes.includes('')) throw invalid('VOLUME specified can not be an empty string');
  for (const volume of volumes) configuration.volumes.add(volume);
  stage.commit(instruction, `VOLUME [${volumes.join(' ')}]`);
}

function expose(instruction: ListInstruction, stage: StageEvaluation): void {
  const words = instruction.words.flatMap((word) => expandWords(word, stage.variables, { escape: stage.context.dockerfile.escape }));
  const ports = words.flatMap((word) => {
    const exposed = parseExposed(word);
    if (exposed.oddCase)
      stage.report('ExposeProtoCasing', `Defined protocol '${word}' in EXPOSE instruction should be lowercase`, instruction);
    if (exposed.hasHostPart)
      stage.report(
        'ExposeInvalidFormat',
        `EXPOSE instruction should not define an IP address or host-port mapping, found '${word}'`,
        instruction,
      );
    return exposed.ports;
  });
  for (const port of ports) stage.state.configuration.exposedPorts.add(port);
  stage.commit(instruction, `EXPOSE [${ports.join(' ')}]`);
}

function setWord(instruction: WordInstruction, stage: StageEvaluation): void {
  const { state } = stage;
  if (instruction.name === 'MAINTAINER') {
    state.author = instruction.word;
    return stage.commit(instruction, `MAINTAINER ${instruction.word}`);
  }
  const word = stage.expand(instruction.word, instruction);
  if (instruction.name === 'WORKDIR') return enterDirectory(instruction, word, stage);
  if (instruction.name === 'USER') state.configuration.user = word;
  else {
    checkSignal(word);
    state.configuration.stopSignal = word;
  }
  stage.commit(instruction, `${instruction.name} ${word}`);
}

function enterDirectory(instruction: WordInstruction, path: string, stage: StageEvaluation): void {
  const { state } = stage;
  if (!state.workdirSet && !path.startsWith('/'))
    stage.report(
      'WorkdirRelativePath',
      `Relative workdir ${JSON.stringify(path)} can have unexpected results if the base image changes`,
      instruction,
    );
  state.workdirSet = true;
  const directory = absolute(state.configuration.workingDirectory, path);
  state.configuration.workingDirectory = directory;
  const text = stage.shown(instruction.text);
  if (directory === '/') return stage.commit(instruction, `WORKDIR ${directory}`, { text });
  const work = { kind: 'workdir', path: directory, user: state.configuration.user } as const;
  stage.commit(instruction, `WORKDIR ${directory}`, { text, layer: true, work });
}

function checkSignal(word: string): void {
  const name = word.toUpperCase().replace(/^SIG/, '');
  const known = /^\d+$/.test(word)
    ? Number(word) > 0 && Number(word) < 65
    : `SIG${name}` in constants.signals || /^RTM(IN|AX)([+-]\d{1,2})?$/.test(name);
  if (!known) throw invalid(`invalid signal: ${word}`);
}
