import { conflict, notFound } from '../../base/index.ts';
import type { Store } from '../../store/index.ts';
import { TEAM, USER } from './kinds.ts';
import { checkAccountName, checkRights, type Rights } from './rights.ts';

/** A row of the registry's store: its rights are those of each member. */
export interface Team extends Rights {
  /** Names of users, sorted. A user who was removed and added anew is a member again only when added to the team again. */
  members: string[];
}

export interface TeamChanges extends Partial<Rights> {
  join?: readonly string[];
  leave?: readonly string[];
}

export async function addTeam(store: Store, name: string, { members, ...rights }: Team): Promise<void> {
  checkAccountName('team', name);
  checkRights(rights);
  await checkUsers(store, members);
  if (await store.get(TEAM, name)) throw conflict(`the team ${name} exists already`, "Change it by 'gantry registry team set'.");
  await store.create<Team>(TEAM, name, { members: sorted(members), ...rights });
}

/** Changes what is given, and leaves the rest. */
export async function changeTeam(store: Store, name: string, { join = [], leave = [], ...rights }: TeamChanges): Promise<void> {
  const row = await store.get<Team>(TEAM, name);
  if (!row) throw notFound(`no such team: ${name}`);
  const stranger = leave.find((member) => !row.value.members.includes(member));
  if (stranger !== undefined) throw notFound(`${stranger} is no member of the team ${name}`);
  await checkUsers(store, join);
  const members = sorted([...row.value.members, ...join]).filter((member) => !leave.includes(member));
  const changed = { ...row.value, ...rights, members };
  checkRights(changed);
  await store.update<Team>(TEAM, name, changed, row.revision);
}

export async function removeTeam(store: Store, name: string): Promise<void> {
  if (!(await store.delete(TEAM, name))) throw notFound(`no such team: ${name}`);
}

/** A user who goes leaves all teams: the next one of that name is somebody else. */
export async function leaveTeams(store: Store, user: string): Promise<void> {
  for (const { id, value } of (await store.list<Team>(TEAM)).rows) {
    if (value.members.includes(user)) await changeTeam(store, id, { leave: [user] });
  }
}

async function checkUsers(store: Store, names: readonly string[]): Promise<void> {
  for (const name of names) if (!(await store.get(USER, name))) throw notFound(`no such user: ${name}`);
}

const sorted = (names: readonly string[]) => [...new Set(names)].sort();
