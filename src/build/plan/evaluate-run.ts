import { invalid } from '../../base/index.ts';
import type { RunInstruction } from '../dockerfile/dockerfile.ts';
import { markOrNone, withoutLeadingTabs } from '../dockerfile/heredoc.ts';
import { proxyEnvironment } from './arguments.ts';
import { commandWords } from './evaluate-configuration.ts';
import { evaluateMount } from './mounts.ts';
import type { RunMount, RunWork } from './plan.ts';
import type { StageEvaluation } from './stage-evaluation.ts';

export function evaluateRun(instruction: RunInstruction, stage: StageEvaluation): void {
  const { configuration, variables } = stage.state;
  const mounts = evaluateMounts(instruction, stage);
  const { command, files, summary } = withHeredocs(instruction);
  const words = commandWords(command, configuration.shell);
  const work: RunWork = {
    kind: 'run',
    arguments: words,
    environment: [...variables].map(([key, value]) => `${key}=${value}`),
    proxyEnvironment: proxyEnvironment(stage.context.options.buildArguments),
    user: configuration.user,
    workingDirectory: configuration.workingDirectory || '/',
    files,
    mounts,
    network: instruction.network,
    security: instruction.security,
  };
  const masks = new Map(mounts.flatMap((mount) => (mount.type === 'secret' && mount.variable ? [[mount.variable, '****']] : [])));
  const shownVariables = { get: (name: string) => masks.get(name) ?? variables.get(name) };
  const text = stage.shown(instruction.text + summary, { rawQuotes: true, keepUnset: true }, shownVariables);
  stage.commit(instruction, `RUN ${[...toldArguments(stage), ...words].join(' ')} # buildkit`, { text, layer: true, work });
}

function evaluateMounts(instruction: RunInstruction, stage: StageEvaluation): RunMount[] {
  let agents = 0;
  return instruction.mounts.map((flag) => {
    const mount = evaluateMount(
      flag,
      {
        expand: (text) => stage.expand(text, instruction),
        sourceOf: (from) => stage.sourceOf(from, instruction),
        workingDirectory: stage.state.configuration.workingDirectory,
      },
      agents,
    );
    if (mount.type === 'ssh') agents++;
    return mount;
  });
}

type Heredocs = { command: RunInstruction['command']; files: RunWork['files']; summary: string };

/** A here-document that is the whole command is given to the shell, or run as a program when it says how; others the shell reads itself. */
function withHeredocs({ command, heredocs }: RunInstruction): Heredocs {
  const [first] = heredocs;
  if (!first) return { command, files: [], summary: '' };
  if (!command.shell) throw invalid('a here-document needs the shell form of RUN');
  if (!markOrNone(command.text)) {
    const text = [command.text, ...heredocs.map(({ content, name }) => `${content}${name}`)].join('\n');
    return { command: { shell: true, text }, files: [], summary: '' };
  }
  const content = first.chomp ? withoutLeadingTabs(first.content) : first.content;
  const summary = ` (${firstLine(first.content)})`;
  if (!content.startsWith('#!')) return { command: { shell: true, text: content }, files: [], summary };
  const path = `/dev/pipes/${first.name}`;
  return { command: { shell: true, text: path }, files: [{ path, content, mode: 0o755 }], summary };
}

function firstLine(content: string): string {
  const lines = content.trim().split(/\r?\n/);
  return lines.length > 1 ? `${lines[0]}...` : lines[0]!;
}

/** `|2 A=1 B=2`: arguments that were declared, each once, as they are now. */
function toldArguments({ state }: StageEvaluation): string[] {
  const told = new Map<string, string>();
  for (const { key, value } of state.arguments) told.set(key, state.variables.get(key) ?? value ?? '');
  return told.size === 0 ? [] : [`|${told.size}`, ...[...told].map(([key, value]) => `${key}=${value}`)];
}
