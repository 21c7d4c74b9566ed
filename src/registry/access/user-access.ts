import { createHmac, randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import { type Clock, describe, GantryError } from '../../base/index.ts';
import type { Row, Store } from '../../store/index.ts';
import type { Access, Authentication, Identity, Scope, TokenReply, Verdict, Wish } from './access.ts';
import { verifyPassword } from './passwords.ts';
import { USER, type User } from './users.ts';

/** Wrong passwords that cost no wait; from then on each doubles it. */
const FREE_FAILURES = 5;
const LONGEST_WAIT = 300_000;
const MOST_REMEMBERED = 10_000;
const ANONYMOUS: Identity = { kind: 'anonymous', name: '', teams: [] };

/** Basic authentication against the users in the store, read at each request: what another process changes counts at once. */
export class UserAccess implements Access {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #failures = new Map<string, { count: number; until: number }>();
  /** The revision of the user's row that a header was right for: scrypt runs once a login, not once a request. */
  readonly #proved = new Map<string, number>();
  readonly #secret = randomBytes(32);

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  async authenticate(authorization: string | undefined, from: string): Promise<Authentication> {
    if (authorization === undefined || (await this.#isOpen())) return { identity: ANONYMOUS };
    const [, encoded = ''] = /^basic +(\S+)$/i.exec(authorization) ?? [];
    const given = Buffer.from(encoded, 'base64').toString('utf8');
    const colon = given.indexOf(':');
    if (colon < 1) return { refused: 'the registry takes a user name and a password (basic authentication)', status: 401 };
    const name = given.slice(0, colon);
    const row = await this.#store.get<User>(USER, name);
    const identity: Identity = { kind: 'user', name, teams: [] };
    const header = createHmac('sha256', this.#secret).update(given).digest('hex');
    if (row && this.#proved.get(header) === row.revision) return { identity };
    return await this.#prove(row, given.slice(colon + 1), `${from} ${name}`, header, identity);
  }

  async #prove(row: Row<User> | undefined, password: string, who: string, header: string, identity: Identity): Promise<Authentication> {
    const wait = (this.#failures.get(who)?.until ?? 0) - this.#clock.now();
    if (wait > 0) return { refused: 'too many wrong passwords', status: 429, retryAfterSeconds: Math.ceil(wait / 1000) };
    // Counted before the check: guesses that arrive together do not get in for the price of one.
    this.#countFailure(who);
    if (!(await verifyPassword(password, row?.value.password)) || !row)
      return { refused: 'the user name or the password is wrong', status: 401 };
    this.#failures.delete(who);
    if (this.#proved.size >= MOST_REMEMBERED) this.#proved.clear();
    this.#proved.set(header, row.revision);
    return { identity };
  }

  #countFailure(who: string): void {
    const count = (this.#failures.get(who)?.count ?? 0) + 1;
    const wait = count <= FREE_FAILURES ? 0 : Math.min(1000 * 2 ** (count - FREE_FAILURES), LONGEST_WAIT);
    this.#failures.delete(who);
    this.#failures.set(who, { count, until: this.#clock.now() + wait });
    const oldest = this.#failures.keys().next();
    if (this.#failures.size > MOST_REMEMBERED && !oldest.done) this.#failures.delete(oldest.value);
  }

  async authorize(identity: Identity, wish: Wish): Promise<Verdict> {
    if (await this.#isOpen()) return { allowed: true, reason: 'the registry has no users: it is open' };
    if (identity.kind === 'anonymous') return { allowed: false, reason: 'the registry asks for a user name', status: 401, scopes: [] };
    const user = (await this.#store.get<User>(USER, identity.name))?.value;
    if (!user) return { allowed: false, reason: `the user ${identity.name} is no more`, status: 401, scopes: [] };
    return decide(identity.name, user, wish);
  }

  challenge(_base: string, _scopes?: readonly Scope[], _error?: string): string {
    return 'Basic realm="gantry registry", charset="UTF-8"';
  }

  async token(): Promise<TokenReply> {
    const message = 'this registry hands out no tokens: it takes basic authentication';
    return { status: 404, headers: {}, body: { errors: [{ code: 'UNSUPPORTED', message }] } };
  }

  /** A row that cannot be read is somebody too: damage never opens the registry. */
  async #isOpen(): Promise<boolean> {
    try {
      const { rows, damaged } = await this.#store.list(USER);
      return rows.length + damaged.length === 0;
    } catch (error) {
      throw new GantryError('unavailable', `the users cannot be read: ${describe(error)}`, { cause: error });
    }
  }
}

/** Denied unless the user's rights say otherwise. */
export function decide(name: string, user: User, wish: Wish): Verdict {
  if (wish.action === 'ping') return { allowed: true, reason: `${name} has a name here` };
  const target = 'repository' in wish ? wish.repository : undefined;
  const may = user.actions.includes(wish.action);
  const there = target === undefined || user.repositories.some((glob) => posix.matchesGlob(target, glob));
  if (may && there) return { allowed: true, reason: `${name} may ${wish.action} there` };
  const reason = may
    ? `the user ${name} has rights for ${user.repositories.join(', ')}, not for ${target}`
    : `the user ${name} may ${user.actions.join(', ') || 'nothing'}, not ${wish.action}`;
  return { allowed: false, reason, status: 403, scopes: [] };
}
