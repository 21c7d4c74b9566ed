import { posix } from 'node:path';
import { invalid } from '../../base/index.ts';

export const ACTIONS = ['pull', 'push', 'delete', 'catalog'] as const;

/** What somebody may do, and where. */
export interface Rights {
  /** Globs: `*` is one part of a name, `**` any number. */
  repositories: string[];
  /** Some of `ACTIONS`. */
  actions: string[];
}

/** Rights of those who have none of their own: what their teams and the rules give. */
export const NO_RIGHTS: Rights = { repositories: [], actions: [] };

export const matches = (repository: string, globs: readonly string[]): boolean => globs.some((glob) => posix.matchesGlob(repository, glob));

/** `catalog` is about no repository. */
export const covers = ({ actions, repositories }: Rights, action: string, repository: string | undefined): boolean =>
  actions.includes(action) && (repository === undefined || matches(repository, repositories));

/** Fails with `invalid` for an action or a glob that is none. */
export function checkRights({ actions, repositories }: Rights): void {
  const wrong = actions.find((action) => !ACTIONS.includes(action as (typeof ACTIONS)[number]));
  if (wrong !== undefined) throw invalid(`the action ${JSON.stringify(wrong)} is not known`, `Use some of ${ACTIONS.join(', ')}.`);
  for (const glob of repositories) checkGlob(glob);
}

export function checkGlob(glob: string): void {
  if (glob === '' || glob.length > 255 || /[\s\u0000-\u001f]/.test(glob))
    throw invalid(`${JSON.stringify(glob)} is not a pattern of names`, "Write a name, 'team/*' or 'team/**'.");
}

/** Names of users, robots, teams and rules. */
export function checkAccountName(what: string, name: string): void {
  if (!/^[a-z0-9][a-z0-9._-]{0,63}$/i.test(name))
    throw invalid(
      `the ${what} name ${JSON.stringify(name)} is not understood`,
      'Use letters, digits and . _ - (64 at most), a letter or digit first.',
    );
  if (['anonymous', 'authenticated', 'everybody'].includes(name))
    throw invalid(`the ${what} cannot be called ${name}: rules use that word for others`);
}
