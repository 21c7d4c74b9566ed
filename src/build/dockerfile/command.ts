import { invalid } from '../../base/index.ts';
import type { CommandLine } from './dockerfile.ts';
import type { Node } from './nodes.ts';

/** The command of RUN, CMD or ENTRYPOINT. */
export const commandOf = (node: Node): CommandLine =>
  node.json ? { shell: false, words: node.words } : { shell: true, text: node.words.join(' ') };

export const atLeastOne = (name: string) => invalid(`${name} requires at least one argument`);
