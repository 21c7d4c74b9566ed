import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { describe, invalid } from '../../base/index.ts';
import type { Rights } from '../../registry/index.ts';
import { openStore, type Store } from '../../store/index.ts';
import { DEFAULT_ROOT } from './options.ts';

/** Flags of all commands about users, teams, robots and rules. */
export const COMMON = {
  root: { type: 'string', default: DEFAULT_ROOT },
  format: { type: 'string', default: 'table' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Flags that say what may be done, and where. */
export const RIGHTS = {
  repository: { type: 'string', multiple: true },
  actions: { type: 'string' },
} as const;

/** `gantry registry NOUN VERB [NAME…]`. Fails with `invalid` for a flag or a verb that is not known. */
export function readWords<T extends ParseArgsOptionsConfig>(noun: string, verbs: readonly string[], args: readonly string[], options: T) {
  const help = `See 'gantry registry ${noun} --help'.`;
  let parsed: ReturnType<typeof parseArgs<{ args: string[]; options: T; allowPositionals: true }>>;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw invalid(describe(error).split('. To specify')[0] ?? '', help);
  }
  const [verb = '', ...names] = parsed.positionals;
  const { format } = parsed.values as { format?: string };
  if (verb !== '' && !verbs.includes(verb)) throw invalid(`unknown command: ${noun} ${verb}`, help);
  if (format !== 'table' && format !== 'json') throw invalid(`--format ${format} is not known`, 'Use table or json.');
  return { values: parsed.values, verb, names, json: format === 'json' };
}

/** The one name that the command is about. */
export function theName(noun: string, verb: string, names: readonly string[]): string {
  const [name, more] = names;
  if (name === undefined) throw invalid(`'gantry registry ${noun} ${verb}' needs the name of a ${noun === 'policy' ? 'rule' : noun}`);
  if (more !== undefined) throw invalid(`'gantry registry ${noun} ${verb}' takes one name, and ${more} is another`);
  return name;
}

/** What the flags say, as far as they say something. */
export function rightsOf({ repository, actions }: { repository?: string[] | undefined; actions?: string | undefined }): Partial<Rights> {
  return {
    ...(repository === undefined ? {} : { repositories: repository }),
    ...(actions === undefined ? {} : { actions: listOf(actions) }),
  };
}

export const listOf = (text: string): string[] =>
  text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '' && word !== 'none');

/** The store of the registry below `root`, also while it runs. */
export async function openAccounts(root: string): Promise<Store> {
  if (!existsSync(root)) throw invalid(`there is no registry at ${root}`, 'Name its folder with --root, or start it once.');
  return await openStore(join(root, 'registry.db'));
}
