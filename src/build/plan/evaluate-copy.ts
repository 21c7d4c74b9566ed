import { invalid } from '../../base/index.ts';
import type { CopyInstruction } from '../dockerfile/dockerfile.ts';
import { destinationPath } from './paths.ts';
import type { StageEvaluation } from './stage-evaluation.ts';

export function evaluateCopy(instruction: CopyInstruction, stage: StageEvaluation): void {
  const expand = (word: string) => stage.expand(word, instruction);
  const optional = (word: string | undefined) => (word === undefined ? undefined : expand(word) || undefined);
  const [chown, chmod, checksum] = [optional(instruction.chown), optional(instruction.chmod), optional(instruction.checksum)];
  const paths = instruction.sources.map(expand);
  const destination = expand(instruction.destination);
  // The content of a here-document keeps its quotes, and its escape is always the backslash.
  const heredocs = instruction.heredocs.map((heredoc) =>
    heredoc.expand ? { ...heredoc, content: stage.expand(heredoc.content, instruction, { escape: '\\', plainQuotes: true }) } : heredoc,
  );
  checkMode(chmod);
  checkSources(instruction, paths, checksum);
  const flags = [
    ...(instruction.parents ? ['--parents'] : []),
    ...(chown === undefined ? [] : [`--chown=${chown}`]),
    ...(chmod === undefined ? [] : [`--chmod=${chmod}`]),
  ];
  const told = [instruction.name, ...flags, ...paths, ...heredocs.map(({ name }) => `<<${name}`), destination].join(' ');
  stage.commit(instruction, `${told} # buildkit`, {
    text: stage.shown(instruction.text),
    layer: true,
    work: {
      kind: 'copy',
      instruction: instruction.name,
      source: stage.sourceOf(instruction.from, instruction),
      paths,
      heredocs,
      destination: destinationPath(stage.state.configuration.workingDirectory, destination),
      chown,
      chmod,
      link: instruction.link,
      parents: instruction.parents,
      exclude: instruction.exclude,
      unpack: instruction.unpack,
      checksum,
      keepGitDir: instruction.keepGitDir,
    },
  });
}

/** An octal number, or letters as chmod(1) takes them. */
function checkMode(mode: string | undefined): void {
  if (mode === undefined) return;
  if (/^[0-7]+$/.test(mode) && Number.parseInt(mode, 8) <= 0o7777) return;
  const clause = /^[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+$/;
  if (!/^\d/.test(mode) && mode.split(',').every((part) => clause.test(part))) return;
  throw invalid(`invalid chmod parameter: '${mode}'. it should be octal string and between 0 and 07777`);
}

const isGit = (path: string): boolean => /^(git@|git:\/\/|ssh:\/\/)/.test(path) || /^https?:\/\/[^?#]*\.git(#|\?|$)/.test(path);
const isHttp = (path: string): boolean => /^https?:\/\//.test(path);

function checkSources(instruction: CopyInstruction, paths: readonly string[], checksum: string | undefined): void {
  if (instruction.name === 'COPY') {
    if (paths.some(isGit)) throw invalid("source can't be a git ref for COPY");
    if (paths.some(isHttp)) throw invalid("source can't be a URL for COPY");
  }
  if (checksum === undefined) return;
  if (paths.length !== 1) throw invalid("checksum can't be specified for multiple sources");
  if (!isHttp(paths[0]!) && !isGit(paths[0]!)) throw invalid('checksum requires HTTP(S) or Git sources');
  if (!isGit(paths[0]!) && !/^sha(256:[0-9a-f]{64}|384:[0-9a-f]{96}|512:[0-9a-f]{128})$/.test(checksum))
    throw invalid(`invalid checksum ${JSON.stringify(checksum)}: it is written as sha256:<64 digits>`);
}
