import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describe, invalid } from '../../base/index.ts';
import { addUser, changePassword, removeUser, USER, type User } from '../../registry/index.ts';
import { openStore } from '../../store/index.ts';
import { USER_HELP } from './help.ts';
import { DEFAULT_ROOT } from './options.ts';

const OPTIONS = {
  root: { type: 'string', default: DEFAULT_ROOT },
  repository: { type: 'string', multiple: true },
  actions: { type: 'string', default: 'pull,push' },
  'password-stdin': { type: 'boolean' },
  format: { type: 'string', default: '' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** `gantry registry user …`: works on the root's store, also while the registry runs. */
export async function runUserCommand(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args);
  const [verb, name = ''] = positionals;
  if (values.help || verb === undefined) {
    process.stdout.write(USER_HELP);
    return 0;
  }
  if (!['add', 'rm', 'ls', 'passwd'].includes(verb)) throw invalid(`unknown command: user ${verb}`, "See 'gantry registry user --help'.");
  if (verb !== 'ls' && name === '') throw invalid(`'gantry registry user ${verb}' needs the name of a user`);
  if (!existsSync(values.root)) throw invalid(`there is no registry at ${values.root}`, 'Name its folder with --root.');
  await using store = await openStore(join(values.root, 'registry.db'));
  if (verb === 'ls') return list((await store.list<User>(USER)).rows, values.format);
  if (verb === 'rm') await removeUser(store, name);
  else if (verb === 'passwd') await changePassword(store, name, await readPassword(values['password-stdin']));
  else {
    const rights = { repositories: values.repository ?? ['**'], actions: values.actions.split(',').filter(Boolean) };
    await addUser(store, name, await readPassword(values['password-stdin']), rights);
  }
  process.stdout.write(`${name}\n`);
  return 0;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw invalid(describe(error), "See 'gantry registry user --help'.");
  }
}

function list(rows: readonly { id: string; value: User }[], format: string): number {
  for (const { id, value } of rows) {
    const { repositories, actions } = value;
    const line = format === 'json' ? JSON.stringify({ name: id, repositories, actions }) : [id, repositories, actions].join('\t');
    process.stdout.write(`${line}\n`);
  }
  return 0;
}

/** Arguments are seen by every process of the host, so a password is never one. */
async function readPassword(wanted: boolean | undefined): Promise<string> {
  if (!wanted) throw invalid('the password is read from standard input', 'Add --password-stdin.');
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) text += chunk;
  return text.replace(/\r?\n$/, '');
}
