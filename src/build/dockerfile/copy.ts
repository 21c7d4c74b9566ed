import { invalid } from '../../base/index.ts';
import type { CopyInstruction, Heredoc, InstructionBase } from './dockerfile.ts';
import { type FlagKind, parseFlags } from './flags.ts';
import { markOrNone, withoutLeadingTabs } from './heredoc.ts';
import type { Node } from './nodes.ts';

const COMMON = { chown: 'text', chmod: 'text', link: 'switch', exclude: 'texts' } as const satisfies Record<string, FlagKind>;
const COPY = { ...COMMON, from: 'text', parents: 'switch' } as const;
const ADD = { ...COMMON, 'keep-git-dir': 'switch', checksum: 'text', unpack: 'switch' } as const;

/** COPY and ADD. */
export function parseCopy(node: Node, base: InstructionBase): CopyInstruction {
  const name = node.name === 'ADD' ? 'ADD' : 'COPY';
  if (node.words.length < 2)
    throw invalid(`${name} requires at least two arguments, but only one was provided. Destination could not be determined`);
  const flags = parseFlags(node.flags, name === 'ADD' ? ADD : COPY);
  const destination = node.words.at(-1)!;
  if (markOrNone(destination)) throw invalid(`${name} cannot accept a heredoc as a destination`);
  const marked = node.words.slice(0, -1).map((word) => ({ word, heredoc: markOrNone(word) }));
  const given = (value: string | undefined) => value || undefined;
  return {
    ...base,
    name,
    sources: marked.filter(({ heredoc }) => !heredoc).map(({ word }) => word),
    heredocs: marked.flatMap(({ heredoc }) => (heredoc ? [contentOf(heredoc, node.heredocs)] : [])),
    destination,
    from: given(flags.text('from')),
    chown: given(flags.text('chown')),
    chmod: given(flags.text('chmod')),
    link: flags.switch('link') ?? false,
    parents: flags.switch('parents') ?? false,
    exclude: flags.texts('exclude'),
    unpack: flags.switch('unpack'),
    checksum: given(flags.text('checksum')),
    keepGitDir: flags.switch('keep-git-dir') ?? false,
  };
}

function contentOf(mark: Heredoc, documents: readonly Heredoc[]): Heredoc {
  const content = documents.findLast(({ name }) => name === mark.name)?.content ?? '';
  return { ...mark, content: mark.chomp ? withoutLeadingTabs(content) : content };
}
