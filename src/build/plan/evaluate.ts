import { invalid } from '../../base/index.ts';
import type { Instruction, KeyValue, RunInstruction } from '../dockerfile/dockerfile.ts';
import { expandWord } from '../dockerfile/expand.ts';
import { withoutLeadingTabs } from '../dockerfile/heredoc.ts';
import { located } from '../dockerfile/lines.ts';
import { parseTrigger } from '../dockerfile/parse.ts';
import { proxyEnvironment } from './arguments.ts';
import { copyConfiguration, DEFAULT_PATH, readConfiguration, setVariable, splitVariable, writeConfiguration } from './configuration.ts';
import { evaluateCopy } from './copies.ts';
import { duration, quoted, quotedList } from './go-text.ts';
import { evaluateMount } from './mounts.ts';
import { absolute } from './paths.ts';
import type {
  EvaluatedStage,
  FileSource,
  ImagePlatform,
  PlanContext,
  PlannedStage,
  PlannedStep,
  RunWork,
  StageBase,
  StepWork,
} from './plan.ts';
import { parseExposed } from './ports.ts';
import { checkReference, matchContext, stagesUsedBy } from './stages.ts';
import type { StageState } from './state.ts';

const COMMENT = 'buildkit.dockerfile.v0';
const DEFAULT_SHELL = ['/bin/sh', '-c'];

/** What the instructions of a stage come to on top of its base: those that the base left as triggers come first. */
export function evaluateStage(planned: PlannedStage, base: StageBase, context: PlanContext): EvaluatedStage {
  const evaluation = new StageEvaluation(planned, base, context);
  return evaluation.run();
}

class StageEvaluation {
  readonly #planned: PlannedStage;
  readonly #context: PlanContext;
  readonly #state: StageState;
  readonly #steps: PlannedStep[] = [];
  readonly #alsoNeeds = new Set<number>();
  readonly #seen = new Map<string, Instruction>();
  #commandSet = false;

  constructor(planned: PlannedStage, base: StageBase, context: PlanContext) {
    this.#planned = planned;
    this.#context = context;
    this.#state = stateOn(base, planned.platform);
  }

  run(): EvaluatedStage {
    const { stage } = this.#planned;
    const config = this.#state.configuration;
    const triggers = config.triggers.map((trigger) => parseTrigger(trigger, stage.range));
    config.triggers = [];
    for (const instruction of triggers) {
      for (const index of stagesUsedBy(instruction, this.#context.dockerfile.stages, this.#context.stageNames)) this.#alsoNeeds.add(index);
      this.#evaluate(instruction, 'ONBUILD ');
    }
    for (const instruction of stage.instructions) this.#evaluate(instruction, '');
    if (stage.index === this.#context.targetIndex)
      for (const [key, value] of Object.entries(this.#context.options.labels ?? {})) config.labels.set(key, value);
    return {
      steps: this.#steps,
      config: writeConfiguration(config),
      author: this.#state.author,
      platform: this.#state.platform,
      alsoNeeds: [...this.#alsoNeeds],
      state: this.#state,
    };
  }

  #evaluate(instruction: Instruction, prefix: string): void {
    located(instruction.range, () => {
      const shown = prefix + this.#shown(instruction);
      const { createdBy, work } = this.#apply(instruction);
      if (createdBy === undefined) return;
      this.#steps.push({ text: shown, range: instruction.range, createdBy, comment: COMMENT, emptyLayer: work === undefined, work });
    });
  }

  /** The instruction as people see it, with variables put in where there are values. */
  #shown({ text, keyword, name }: Instruction): string {
    const written = text.startsWith(keyword) ? name + text.slice(keyword.length) : text;
    try {
      return expandWord(written, this.#state.variables, { escape: this.#escape, rawQuotes: true, rawEscapes: true, keepUnset: true }).text;
    } catch {
      // Only for show: shell text need not be a word of ours.
      return written;
    }
  }

  get #escape(): string {
    return this.#context.dockerfile.escape;
  }

  #expand(text: string, instruction: Instruction): string {
    const { text: result, missing } = expandWord(text, this.#state.variables, { escape: this.#escape });
    for (const name of missing)
      this.#context.options.linter?.report(
        'UndefinedVar',
        `Usage of undefined variable '$${name}'`,
        instruction.range,
        instruction.comments,
      );
    return result;
  }

  #apply(instruction: Instruction): { createdBy: string | undefined; work: StepWork | undefined } {
    const config = this.#state.configuration;
    const only = (createdBy: string) => ({ createdBy, work: undefined });
    const words = (list: readonly string[]) => list.map((word) => this.#expand(word, instruction));
    switch (instruction.name) {
      case 'ARG':
        return only(`ARG ${this.#declare(instruction).join(' ')}`);
      case 'ENV': {
        const pairs = this.#pairs(instruction.pairs, instruction);
        for (const [key, value] of pairs) {
          setVariable(config.environment, key, value);
          this.#state.variables.set(key, value);
        }
        return only(`ENV ${pairs.map(([key, value]) => `${key}=${value}`).join(' ')}`);
      }
      case 'LABEL': {
        const pairs = this.#pairs(instruction.pairs, instruction).map(([key, value]) => [this.#expand(key, instruction), value] as const);
        for (const [key, value] of pairs) config.labels.set(key, value);
        return only(`LABEL ${pairs.map(([key, value]) => `${key}=${value}`).join(' ')}`);
      }
      case 'RUN':
        return this.#run(instruction);
      case 'COPY':
      case 'ADD':
        return evaluateCopy(instruction, {
          expand: (text) => this.#expand(text, instruction),
          sourceOf: (from) => this.#sourceOf(from, instruction),
          workingDirectory: config.workingDirectory,
        });
      case 'CMD':
      case 'ENTRYPOINT': {
        this.#once(instruction);
        const { command } = instruction;
        if (command.shell && config.shell.length === 0)
          this.#lint(
            'JSONArgsRecommended',
            `JSON arguments recommended for ${instruction.name} to prevent unintended behavior related to OS signals`,
            instruction,
          );
        const line = command.shell ? [...this.#shell, command.text] : command.words;
        if (instruction.name === 'CMD') {
          config.command = line;
          config.argumentsEscaped = true;
          this.#commandSet = true;
        } else {
          config.entrypoint = line;
          if (!this.#commandSet) config.command = [];
        }
        return only(`${instruction.name} ${quotedList(line)}`);
      }
      case 'WORKDIR':
        return this.#workdir(this.#expand(instruction.word, instruction), instruction);
      case 'USER':
        config.user = this.#expand(instruction.word, instruction);
        return only(`USER ${config.user}`);
      case 'STOPSIGNAL':
        config.stopSignal = this.#expand(instruction.word, instruction);
        return only(`STOPSIGNAL ${config.stopSignal}`);
      case 'MAINTAINER':
        this.#state.author = instruction.word;
        return only(`MAINTAINER ${instruction.word}`);
      case 'EXPOSE': {
        const ports = words(instruction.words).flatMap((word) => parseExposed(word).ports);
        for (const port of ports) config.exposedPorts.add(port);
        return only(`EXPOSE [${[...ports].sort().join(' ')}]`);
      }
      case 'VOLUME': {
        const volumes = words(instruction.words);
        if (volumes.some((volume) => volume.trim() === '')) throw invalid('VOLUME specified can not be an empty string');
        for (const volume of volumes) config.volumes.add(volume);
        return only(`VOLUME [${volumes.join(' ')}]`);
      }
      case 'SHELL':
        config.shell = instruction.words;
        return only(`SHELL [${instruction.words.join(' ')}]`);
      case 'HEALTHCHECK':
        this.#once(instruction);
        return only(this.#health(instruction));
      case 'ONBUILD':
        config.triggers = [...config.triggers, instruction.trigger];
        return only(`ONBUILD ${instruction.trigger}`);
    }
  }

  get #shell(): readonly string[] {
    const { shell } = this.#state.configuration;
    return shell.length > 0 ? shell : DEFAULT_SHELL;
  }

  #lint(
    rule: Parameters<NonNullable<PlanContext['options']['linter']>['report']>[0],
    detail: string,
    { range, comments }: Instruction,
  ): void {
    this.#context.options.linter?.report(rule, detail, range, comments);
  }

  /** Only the last CMD, ENTRYPOINT or HEALTHCHECK of a stage counts. */
  #once(instruction: Instruction): void {
    const before = this.#seen.get(instruction.name);
    if (before)
      this.#lint(
        'MultipleInstructionsDisallowed',
        `Multiple ${instruction.name} instructions should not be used in the same stage because only the last one will be used`,
        before,
      );
    this.#seen.set(instruction.name, instruction);
  }

  /** All values of one instruction are expanded before any of them is set. */
  #pairs(pairs: readonly KeyValue[], instruction: Instruction): [string, string][] {
    return pairs.map(({ key, value, legacy }) => {
      if (legacy)
        this.#lint(
          'LegacyKeyValueFormat',
          `"${instruction.name} key=value" should be used instead of legacy "${instruction.name} key value" format`,
          instruction,
        );
      return [key, this.#expand(value, instruction)];
    });
  }

  #declare(instruction: Extract<Instruction, { name: 'ARG' }>): string[] {
    const { buildArguments } = this.#context.options;
    return instruction.arguments.map(({ key, default: written }) => {
      const given = buildArguments[key];
      const value = given ?? (written === undefined ? this.#context.globals.get(key) : this.#expand(written, instruction));
      this.#state.arguments = [...this.#state.arguments.filter((one) => one.key !== key), { key, value }];
      const isEnvironment = this.#state.configuration.environment.some((entry) => splitVariable(entry)[0] === key);
      if (value !== undefined && !isEnvironment) this.#state.variables.set(key, value);
      return value === undefined ? key : `${key}=${value}`;
    });
  }

  #workdir(written: string, instruction: Instruction): { createdBy: string; work: StepWork } {
    const config = this.#state.configuration;
    const path = absolute(config.workingDirectory, written);
    if (!written.startsWith('/') && !this.#state.workdirSet)
      this.#lint(
        'WorkdirRelativePath',
        `Relative workdir ${JSON.stringify(written)} can have unexpected results if the base image changes`,
        instruction,
      );
    config.workingDirectory = path;
    this.#state.workdirSet = true;
    return { createdBy: `WORKDIR ${path}`, work: { kind: 'workdir', path, user: config.user } };
  }

  #run(instruction: RunInstruction): { createdBy: string; work: RunWork } {
    const config = this.#state.configuration;
    const { words, files } = this.#command(instruction);
    let agents = 0;
    const mounts = instruction.mounts.map((flag) => {
      const mount = evaluateMount(
        flag,
        {
          expand: (text) => this.#expand(text, instruction),
          sourceOf: (from) => this.#sourceOf(from, instruction),
          workingDirectory: config.workingDirectory,
        },
        agents,
      );
      if (mount.type === 'ssh') agents += 1;
      return mount;
    });
    const inScope = this.#state.arguments.filter(({ key, value }) => value !== undefined && this.#state.variables.get(key) === value);
    const known = new Set(config.environment.map((entry) => splitVariable(entry)[0]));
    const work: RunWork = {
      kind: 'run',
      arguments: words,
      environment: [...config.environment, ...inScope.filter(({ key }) => !known.has(key)).map(({ key, value }) => `${key}=${value}`)],
      proxyEnvironment: proxyEnvironment(this.#context.options.buildArguments),
      user: config.user,
      workingDirectory: config.workingDirectory || '/',
      files,
      mounts,
      network: instruction.network,
      security: instruction.security,
    };
    const told = this.#state.arguments.map(({ key, value }) => `${key}=${this.#state.variables.get(key) ?? value ?? ''}`);
    const before = told.length === 0 ? [] : [`|${told.length}`, ...told];
    return { createdBy: `RUN ${[...before, ...words].join(' ')} # buildkit`, work };
  }

  /** Here-documents are part of the shell's text; a single one that stands alone is the script itself. */
  #command({ command, heredocs }: RunInstruction): { words: string[]; files: RunWork['files'] } {
    if (!command.shell) return { words: [...command.words], files: [] };
    const [only] = heredocs;
    const alone = heredocs.length === 1 && /^<<-?\s*(["']?)[^\s"'<]+\1$/.test(command.text.trim());
    if (only && alone) {
      const content = only.chomp ? withoutLeadingTabs(only.content) : only.content;
      if (!content.startsWith('#!')) return { words: [...this.#shell, content], files: [] };
      const path = `/dev/pipes/${only.name}`;
      return { words: [...this.#shell, path], files: [{ path, content, mode: 0o755 }] };
    }
    const text = heredocs.reduce((sum, { content, name }) => `${sum}\n${content}${name}`, command.text);
    return { words: [...this.#shell, text], files: [] };
  }

  #sourceOf(from: string | undefined, { range }: Instruction): FileSource {
    if (from === undefined) return { kind: 'context' };
    const { stageNames, options } = this.#context;
    const byName = stageNames.get(from.toLowerCase());
    if (byName !== undefined) return { kind: 'stage', index: byName };
    if (/^[+-]?\d+$/.test(from)) return { kind: 'stage', index: Number(from) };
    if (from === 'scratch') return { kind: 'empty' };
    const named = matchContext(from, options.namedContexts);
    if (named !== undefined) return { kind: 'named-context', name: named };
    checkReference(from, range);
    return { kind: 'image', reference: from };
  }

  #health({ check }: Extract<Instruction, { name: 'HEALTHCHECK' }>): string {
    const config = this.#state.configuration;
    const test = check === undefined ? ['NONE'] : check.command.shell ? ['CMD-SHELL', check.command.text] : ['CMD', ...check.command.words];
    const { interval = 0, timeout = 0, startPeriod = 0, startInterval = 0, retries = 0 } = check ?? {};
    config.healthcheck = {
      Test: test,
      ...(interval ? { Interval: interval } : {}),
      ...(timeout ? { Timeout: timeout } : {}),
      ...(startPeriod ? { StartPeriod: startPeriod } : {}),
      ...(startInterval ? { StartInterval: startInterval } : {}),
      ...(retries ? { Retries: retries } : {}),
    };
    const times = [interval, timeout, startPeriod, startInterval].map((time) => quoted(duration(time)));
    return `HEALTHCHECK &{${quotedList(test)} ${times.join(' ')} '\\x${retries.toString(16).padStart(2, '0')}'}`;
  }
}

function stateOn(base: StageBase, platform: string): StageState {
  if (base.kind === 'stage') {
    const { state } = base.stage;
    const configuration = copyConfiguration(state.configuration);
    const variables = new Map(configuration.environment.map(splitVariable));
    return { ...state, configuration, variables, arguments: [] };
  }
  const document = base.kind === 'image' ? base.document : {};
  const configuration = readConfiguration(document.config);
  if (!configuration.environment.some((entry) => entry.startsWith('PATH='))) configuration.environment.push(`PATH=${DEFAULT_PATH}`);
  return {
    configuration,
    variables: new Map(configuration.environment.map(splitVariable)),
    arguments: [],
    author: typeof document.author === 'string' && document.author !== '' ? document.author : undefined,
    platform: platformOf(document, platform),
    workdirSet: configuration.workingDirectory !== '' && configuration.workingDirectory !== '/',
    baseKnown: base.kind !== 'unknown',
  };
}

function platformOf(document: Readonly<Record<string, unknown>>, platform: string): ImagePlatform {
  const [os = 'linux', architecture = '', variant = ''] = platform.split('/');
  const text = (key: string) => (typeof document[key] === 'string' && document[key] !== '' ? (document[key] as string) : undefined);
  const known = text('architecture') !== undefined;
  const ownVariant = known ? text('variant') : variant || undefined;
  return {
    architecture: text('architecture') ?? architecture,
    os: text('os') ?? os,
    ...(ownVariant === undefined ? {} : { variant: ownVariant }),
    ...(text('os.version') === undefined ? {} : { 'os.version': text('os.version') as string }),
  };
}
