import { conflict, invalid, notFound } from '../../base/index.ts';
import type { Row, Store } from '../../store/index.ts';
import { ROBOT, USER } from './kinds.ts';
import { hashPassword } from './passwords.ts';
import { checkAccountName, checkRights, type Rights } from './rights.ts';

/** A row of the registry's store. Its own rights; its teams and the rules may give more. */
export interface User extends Rights {
  password: string;
  disabled?: boolean;
}

/** Whether `addUser` would take the name and the rights: worth knowing before a password is asked for. Fails as that does. */
export async function checkNewUser(store: Store, name: string, rights: Rights): Promise<void> {
  checkAccountName('user', name);
  checkRights(rights);
  if (await store.get(ROBOT, name)) throw conflict(`${name} is the name of a robot already`);
  if (await store.get(USER, name))
    throw conflict(`the user ${name} exists already`, "Change it by 'gantry registry user set' or 'user passwd'.");
}

/** Fails with `invalid` for a name or right that is none, with `conflict` for a name that is taken. */
export async function addUser(store: Store, name: string, password: string, rights: Rights): Promise<void> {
  await checkNewUser(store, name, rights);
  checkPassword(password);
  await store.create<User>(USER, name, { password: await hashPassword(password), ...rights });
}

/** Changes what is given, and leaves the rest. */
export async function changeUser(store: Store, name: string, changes: Partial<Rights & { disabled: boolean }>): Promise<void> {
  const row = await userRow(store, name);
  const changed = { ...row.value, ...changes };
  checkRights(changed);
  if (!changed.disabled) delete changed.disabled;
  await store.update<User>(USER, name, changed, row.revision);
}

/** Tokens that were handed out for the old password end with it. */
export async function changePassword(store: Store, name: string, password: string): Promise<void> {
  checkPassword(password);
  const row = await userRow(store, name);
  await store.update<User>(USER, name, { ...row.value, password: await hashPassword(password) }, row.revision);
}

export async function removeUser(store: Store, name: string): Promise<void> {
  if (!(await store.delete(USER, name))) throw notFound(`no such user: ${name}`);
}

async function userRow(store: Store, name: string): Promise<Row<User>> {
  const row = await store.get<User>(USER, name);
  if (!row) throw notFound(`no such user: ${name}`);
  return row;
}

function checkPassword(password: string): void {
  if (password.length < 8 || password.length > 1024) throw invalid('the password must have 8 to 1024 characters');
}
