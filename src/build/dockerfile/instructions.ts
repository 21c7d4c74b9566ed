import { invalid } from '../../base/index.ts';
import { atLeastOne, commandOf } from './command.ts';
import { parseCopy } from './copy.ts';
import type { CommandLine, Instruction, InstructionBase } from './dockerfile.ts';
import { parseFlags } from './flags.ts';
import { parseHealthcheck } from './healthcheck.ts';
import type { Node } from './nodes.ts';
import { parseRun } from './run.ts';
import { didYouMean } from './suggest.ts';

type InstructionParser = (node: Node, base: InstructionBase) => Instruction;

const PARSERS: Record<string, InstructionParser> = {
  ADD: parseCopy,
  COPY: parseCopy,
  RUN: parseRun,
  HEALTHCHECK: parseHealthcheck,
  ARG: (node, base) => ({ ...base, name: 'ARG', arguments: parseArguments(node) }),
  ENV: (node, base) => ({ ...base, name: 'ENV', pairs: pairsOf(node, 'ENV') }),
  LABEL: (node, base) => ({ ...base, name: 'LABEL', pairs: pairsOf(node, 'LABEL') }),
  CMD: (node, base) => ({ ...base, name: 'CMD', command: commandWithoutFlags(node) }),
  ENTRYPOINT: (node, base) => ({ ...base, name: 'ENTRYPOINT', command: commandWithoutFlags(node) }),
  WORKDIR: (node, base) => ({ ...base, name: 'WORKDIR', word: oneWord(node, 'WORKDIR') }),
  USER: (node, base) => ({ ...base, name: 'USER', word: oneWord(node, 'USER') }),
  STOPSIGNAL: (node, base) => ({ ...base, name: 'STOPSIGNAL', word: oneWord(node, 'STOPSIGNAL') }),
  MAINTAINER: (node, base) => ({ ...base, name: 'MAINTAINER', word: oneWord(node, 'MAINTAINER') }),
  EXPOSE: (node, base) => ({ ...base, name: 'EXPOSE', words: [...listOf(node, 'EXPOSE')].sort() }),
  VOLUME: (node, base) => ({ ...base, name: 'VOLUME', words: volumes(node) }),
  SHELL: (node, base) => ({ ...base, name: 'SHELL', words: shellWords(node) }),
  ONBUILD: parseOnbuild,
};

export const INSTRUCTION_NAMES: readonly string[] = ['FROM', ...Object.keys(PARSERS)];

/** Everything but FROM. */
export function parseInstruction(node: Node): Instruction {
  const name = node.keyword.toUpperCase();
  const parser = Object.hasOwn(PARSERS, name) ? PARSERS[name] : undefined;
  if (!parser) throw invalid(`unknown instruction: ${node.keyword}${didYouMean(node.keyword, INSTRUCTION_NAMES, false)}`);
  return parser(node, { name, keyword: node.keyword, text: node.text, range: node.range, comments: node.comments });
}

/** What a comment above says of something it names first: `# name description`. */
export function descriptionOf(comments: readonly string[], name: string): string {
  return name === '' ? '' : (comments.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? '');
}

function commandWithoutFlags(node: Node): CommandLine {
  parseFlags(node.flags, {});
  return commandOf(node);
}

function parseArguments(node: Node) {
  if (node.words.length === 0) throw atLeastOne('ARG');
  return node.words.map((word) => {
    const at = word.indexOf('=');
    if (at === 0) throw invalid('ARG names can not be blank');
    const key = at < 0 ? word : word.slice(0, at);
    return { key, default: at < 0 ? undefined : word.slice(at + 1), description: descriptionOf(node.comments, key) };
  });
}

function pairsOf(node: Node, name: string) {
  parseFlags(node.flags, {});
  if (node.pairs.length === 0) throw atLeastOne(name);
  if (node.pairs.some(({ key }) => key === '')) throw invalid(`${name} names can not be blank`);
  return node.pairs;
}

function listOf(node: Node, name: string): readonly string[] {
  if (node.words.length === 0) throw atLeastOne(name);
  parseFlags(node.flags, {});
  return node.words;
}

function oneWord(node: Node, name: string): string {
  if (node.words.length !== 1) throw invalid(`${name} requires exactly one argument`);
  if (name !== 'STOPSIGNAL') parseFlags(node.flags, {});
  return node.words[0]!;
}

function volumes(node: Node): readonly string[] {
  const words = listOf(node, 'VOLUME').map((word) => word.trim());
  if (words.includes('')) throw invalid('VOLUME specified can not be an empty string');
  return words;
}

function shellWords(node: Node): readonly string[] {
  const words = listOf(node, 'SHELL');
  if (node.json) return words;
  throw invalid('SHELL requires the arguments to be in JSON form');
}

function parseOnbuild(node: Node, base: InstructionBase): Instruction {
  const { trigger } = node;
  if (!trigger) throw atLeastOne('ONBUILD');
  parseFlags(node.flags, {});
  const name = trigger.keyword.toUpperCase();
  if (name === 'ONBUILD') throw invalid("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (name === 'MAINTAINER' || name === 'FROM') throw invalid(`${name} isn't allowed as an ONBUILD trigger`);
  const documents = node.heredocs.map(({ content, name: end }) => `\n${content}${end}`);
  return { ...base, name: 'ONBUILD', trigger: node.text.replace(/^\s*ONBUILD\s*/i, '') + documents.join('') };
}
