import {
  addUser,
  changePassword,
  changeTeam,
  changeUser,
  checkNewUser,
  leaveTeams,
  NO_RIGHTS,
  removeUser,
  TEAM,
  type Team,
  USER,
  type User,
} from '../../registry/index.ts';
import type { Store } from '../../store/index.ts';
import { USER_HELP } from './help.ts';
import { joined, printDone, printRows } from './output.ts';
import { readPassword } from './password.ts';
import { COMMON, openAccounts, RIGHTS, readWords, rightsOf, theName } from './words.ts';

const OPTIONS = { ...COMMON, ...RIGHTS, team: { type: 'string', multiple: true }, 'password-stdin': { type: 'boolean' } } as const;
const VERBS = ['add', 'set', 'enable', 'disable', 'passwd', 'rm', 'ls'];
const EVERYWHERE = { repositories: ['**'], actions: ['pull', 'push'] };

/** `gantry registry user …`: works on the root's store, also while the registry runs. */
export async function runUserCommand(args: readonly string[]): Promise<number> {
  const { values, verb, names, json } = readWords('user', VERBS, args, OPTIONS);
  if (values.help || verb === '') {
    process.stdout.write(USER_HELP);
    return 0;
  }
  await using store = await openAccounts(values.root);
  if (verb === 'ls') {
    await list(store, json);
    return 0;
  }
  const name = theName('user', verb, names);
  if (verb === 'add') await add(store, name, values);
  else if (verb === 'set') await changeUser(store, name, rightsOf(values));
  else if (verb === 'passwd') await changePassword(store, name, await readPassword(values['password-stdin']));
  else if (verb === 'rm') {
    await removeUser(store, name);
    await leaveTeams(store, name);
  } else await changeUser(store, name, { disabled: verb === 'disable' });
  printDone(name, json);
  return 0;
}

interface Values {
  repository?: string[] | undefined;
  actions?: string | undefined;
  team?: string[] | undefined;
  'password-stdin'?: boolean | undefined;
}

/** Whoever is put into teams has their rights, and own ones only where they are given. */
async function add(store: Store, name: string, values: Values): Promise<void> {
  const given = rightsOf(values);
  const teams = values.team ?? [];
  const rights = teams.length > 0 && Object.keys(given).length === 0 ? NO_RIGHTS : { ...EVERYWHERE, ...given };
  for (const team of teams) await changeTeam(store, team, {});
  await checkNewUser(store, name, rights);
  await addUser(store, name, await readPassword(values['password-stdin']), rights);
  for (const team of teams) await changeTeam(store, team, { join: [name] });
}

async function list(store: Store, json: boolean): Promise<void> {
  const teams = (await store.list<Team>(TEAM)).rows;
  const rows = (await store.list<User>(USER)).rows.map(({ id, value: { repositories, actions, disabled = false } }) => {
    const mine = teams.filter(({ value }) => value.members.includes(id)).map((team) => team.id);
    return { name: id, repositories, actions, teams: mine, disabled };
  });
  await printRows(rows, json, {
    NAME: ({ name }) => name,
    REPOSITORIES: ({ repositories }) => joined(repositories),
    ACTIONS: ({ actions }) => joined(actions),
    TEAMS: (row) => joined(row.teams),
    STATE: ({ disabled }) => (disabled ? 'disabled' : 'enabled'),
  });
}
