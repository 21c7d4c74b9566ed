import { conflict, invalid, notFound } from '../../base/index.ts';
import type { Store } from '../../store/index.ts';
import { hashPassword } from './passwords.ts';

export const USER = 'registry.user';
const ACTIONS = ['pull', 'push', 'delete', 'catalog'];

/** A row of the registry's store. */
export interface User {
  password: string;
  /** Globs: `*` is one part of a name, `**` any number. */
  repositories: string[];
  actions: string[];
}

/** Fails with `invalid` for a name or right that is none, with `conflict` for a name that is taken. */
export async function addUser(store: Store, name: string, password: string, rights: Omit<User, 'password'>): Promise<void> {
  if (!/^[a-z0-9][a-z0-9._-]{0,63}$/i.test(name)) throw invalid(`the user name ${JSON.stringify(name)} is not understood`);
  const wrong = rights.actions.find((action) => !ACTIONS.includes(action));
  if (wrong !== undefined) throw invalid(`the action ${JSON.stringify(wrong)} is not known`, `Use some of ${ACTIONS.join(', ')}.`);
  checkPassword(password);
  if (await store.get(USER, name)) throw conflict(`the user ${name} exists already`);
  await store.create<User>(USER, name, { password: await hashPassword(password), ...rights });
}

export async function changePassword(store: Store, name: string, password: string): Promise<void> {
  checkPassword(password);
  const row = await store.get<User>(USER, name);
  if (!row) throw notFound(`no such user: ${name}`);
  await store.update<User>(USER, name, { ...row.value, password: await hashPassword(password) }, row.revision);
}

export async function removeUser(store: Store, name: string): Promise<void> {
  if (!(await store.delete(USER, name))) throw notFound(`no such user: ${name}`);
}

function checkPassword(password: string): void {
  if (password.length < 8 || password.length > 1024) throw invalid('the password must have 8 to 1024 characters');
}
