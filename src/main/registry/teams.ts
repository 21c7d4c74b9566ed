import { addTeam, changeTeam, removeTeam, TEAM, type Team } from '../../registry/index.ts';
import { TEAM_HELP } from './help.ts';
import { joined, printDone, printRows } from './output.ts';
import { COMMON, openAccounts, RIGHTS, readWords, rightsOf, theName } from './words.ts';

const OPTIONS = {
  ...{ ...COMMON, ...RIGHTS },
  member: { type: 'string', multiple: true },
  join: { type: 'string', multiple: true },
  leave: { type: 'string', multiple: true },
} as const;
const VERBS = ['add', 'set', 'rm', 'ls'];

/** `gantry registry team …`. */
export async function runTeamCommand(args: readonly string[]): Promise<number> {
  const { values, verb, names, json } = readWords('team', VERBS, args, OPTIONS);
  if (values.help || verb === '') {
    process.stdout.write(TEAM_HELP);
    return 0;
  }
  await using store = await openAccounts(values.root);
  if (verb === 'ls') {
    const rows = (await store.list<Team>(TEAM)).rows.map(({ id, value }) => ({ name: id, ...value }));
    await printRows(rows, json, {
      NAME: ({ name }) => name,
      MEMBERS: ({ members }) => joined(members),
      REPOSITORIES: ({ repositories }) => joined(repositories),
      ACTIONS: ({ actions }) => joined(actions),
    });
    return 0;
  }
  const name = theName('team', verb, names);
  const rights = rightsOf(values);
  const members = [...(values.member ?? []), ...(values.join ?? [])];
  if (verb === 'add') await addTeam(store, name, { members, repositories: [`${name}/**`], actions: ['pull', 'push'], ...rights });
  else if (verb === 'set') await changeTeam(store, name, { join: members, leave: values.leave ?? [], ...rights });
  else await removeTeam(store, name);
  printDone(name, json);
  return 0;
}
