import { describe, GantryError } from '../../base/index.ts';
import type { Row, Store } from '../../store/index.ts';
import type { Identity } from './access.ts';
import type { Standing } from './decide.ts';
import { ROBOT, TEAM, USER } from './kinds.ts';
import { isExpired, type Robot } from './robots.ts';
import { type Rule, readRules } from './rules.ts';
import type { Team } from './teams.ts';
import type { User } from './users.ts';

/** A user or a robot as the store has it now. */
export interface Account {
  kind: 'user' | 'robot';
  name: string;
  secret: string;
  /** Why it may not log in at the moment. */
  barred: string | undefined;
  /** Of the row: changes with every change. */
  revision: number;
  expiresAt: number | undefined;
}

/** Reads users, robots, teams and rules anew for each question: what another process changes counts at the next request. */
export class Accounts {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async find(name: string, now: number): Promise<Account | undefined> {
    const user = await this.#read(() => this.#store.get<User>(USER, name));
    if (user)
      return {
        ...common(user),
        kind: 'user',
        secret: user.value.password,
        barred: user.value.disabled ? `the user ${name} is disabled` : undefined,
      };
    const robot = await this.#read(() => this.#store.get<Robot>(ROBOT, name));
    if (!robot) return undefined;
    const { secret, expiresAt } = robot.value;
    return {
      ...common(robot),
      kind: 'robot',
      secret,
      expiresAt,
      barred: isExpired(robot.value, now) ? `the robot ${name} has expired` : undefined,
    };
  }

  /** What decides about this identity. */
  async standing(identity: Identity): Promise<Standing> {
    const rules = await this.#read(() => readRules(this.#store));
    const own =
      identity.kind === 'anonymous'
        ? undefined
        : await this.#read(() => this.#store.get<User | Robot>(identity.kind === 'user' ? USER : ROBOT, identity.name));
    return {
      open: identity.kind === 'anonymous' && (await this.isOpen(rules)),
      rules,
      teams: identity.kind === 'user' ? await this.#teamsOf(identity.name) : [],
      ...(own ? { own: own.value } : {}),
    };
  }

  /** Nobody has been given or denied anything. A row that cannot be read is somebody too: damage never opens the registry. */
  async isOpen(rules?: readonly Rule[]): Promise<boolean> {
    const all = rules ?? (await this.#read(() => readRules(this.#store)));
    if (all.some((rule) => !rule.immutable)) return false;
    for (const kind of [USER, ROBOT]) {
      const { rows, damaged } = await this.#read(() => this.#store.list(kind));
      if (rows.length + damaged.length > 0) return false;
    }
    return true;
  }

  /** A team that cannot be read gives nothing: that much is safe. */
  async #teamsOf(user: string): Promise<Standing['teams']> {
    const { rows } = await this.#read(() => this.#store.list<Team>(TEAM));
    return rows.filter(({ value }) => value.members.includes(user)).map(({ id, value }) => ({ name: id, rights: value }));
  }

  async #read<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      throw new GantryError('unavailable', `users and rules cannot be read: ${describe(error)}`, { cause: error });
    }
  }
}

const common = ({ id, revision }: Row<unknown>) => ({ name: id, revision, expiresAt: undefined });
