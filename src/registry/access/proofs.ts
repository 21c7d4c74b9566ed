import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from '../../base/index.ts';
import type { Account } from './accounts.ts';
import { verifyPassword } from './passwords.ts';
import { provesRobot } from './robots.ts';

/** Wrong passwords that cost no wait; from then on each doubles it. */
const FREE_FAILURES = 5;
const LONGEST_WAIT = 300_000;
const MOST_REMEMBERED = 10_000;

export type Proof = { proved: true } | { refused: string; status: 401 } | { refused: string; status: 429; retryAfterSeconds: number };

/** Checks passwords: slow for those who guess, once a login for those who know. */
export class Proofs {
  readonly #clock: Clock;
  readonly #failures = new Map<string, { count: number; until: number }>();
  /** The revision of the account that a name and password were right for: scrypt runs once a login, not once a request. */
  readonly #proved = new Map<string, number>();
  readonly #secret = randomBytes(32);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `account` is what the store has under `name`; it takes as long to refuse one that is missing. */
  async check(account: Account | undefined, name: string, password: string, from: string): Promise<Proof> {
    const seen = createHmac('sha256', this.#secret).update(`${name}:${password}`).digest('hex');
    if (account && this.#proved.get(seen) === account.revision) return barOf(account);
    const who = `${from} ${name}`;
    const wait = (this.#failures.get(who)?.until ?? 0) - this.#clock.now();
    if (wait > 0) return { refused: 'too many wrong passwords', status: 429, retryAfterSeconds: Math.ceil(wait / 1000) };
    // Counted before the check: guesses that arrive together do not get in for the price of one.
    this.#countFailure(who);
    const right = account?.kind === 'robot' ? provesRobot(password, account) : await verifyPassword(password, account?.secret);
    if (!right || !account) return { refused: 'the user name or the password is wrong', status: 401 };
    this.#failures.delete(who);
    if (this.#proved.size >= MOST_REMEMBERED) this.#proved.clear();
    this.#proved.set(seen, account.revision);
    return barOf(account);
  }

  #countFailure(who: string): void {
    const count = (this.#failures.get(who)?.count ?? 0) + 1;
    const wait = count <= FREE_FAILURES ? 0 : Math.min(1000 * 2 ** (count - FREE_FAILURES), LONGEST_WAIT);
    this.#failures.delete(who);
    this.#failures.set(who, { count, until: this.#clock.now() + wait });
    const oldest = this.#failures.keys().next();
    if (this.#failures.size > MOST_REMEMBERED && !oldest.done) this.#failures.delete(oldest.value);
  }
}

/** Told only to those who know the password. */
const barOf = ({ barred }: Account): Proof => (barred === undefined ? { proved: true } : { refused: barred, status: 401 });
