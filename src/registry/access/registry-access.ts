import type { Clock } from '../../base/index.ts';
import type { Store } from '../../store/index.ts';
import type { Access, Authentication, Identity, Scope, TokenReply, TokenRequest, Verdict, Wish } from './access.ts';
import { Accounts } from './accounts.ts';
import { decide } from './decide.ts';
import { Proofs } from './proofs.ts';
import { answerTokenRequest } from './token-endpoint.ts';
import { SERVICE, stampOf, TokenSigner } from './tokens.ts';

const ANONYMOUS: Identity = { kind: 'anonymous', name: '' };

export interface AccessOptions {
  store: Store;
  clock: Clock;
  /** What clients are asked for: tokens of `/token`, or the password with each request. Both are always taken. */
  challenge: 'token' | 'basic';
  /** Milliseconds that a token opens what it was issued for. */
  tokenLife: number;
  /** How clients reach the registry, where the Host header does not say. */
  publicUrl?: string | undefined;
}

/** Users, robots, teams and rules of the store. */
export class RegistryAccess implements Access {
  readonly #options: AccessOptions;
  readonly #accounts: Accounts;
  readonly #proofs: Proofs;
  readonly #signer: TokenSigner;

  static async open(options: AccessOptions): Promise<RegistryAccess> {
    return new RegistryAccess(options, await TokenSigner.open(options.store));
  }

  private constructor(options: AccessOptions, signer: TokenSigner) {
    this.#options = options;
    this.#accounts = new Accounts(options.store);
    this.#proofs = new Proofs(options.clock);
    this.#signer = signer;
  }

  async authenticate(authorization: string | undefined, from: string): Promise<Authentication> {
    if (authorization === undefined) return { identity: ANONYMOUS };
    const [, scheme = '', rest = ''] = /^(\S+) +(\S+)$/.exec(authorization.trim()) ?? [];
    if (scheme.toLowerCase() === 'bearer') return await this.#unlessOpen(await this.#byToken(rest));
    const given = scheme.toLowerCase() === 'basic' ? Buffer.from(rest, 'base64').toString('utf8') : '';
    const colon = given.indexOf(':');
    if (colon > 0) return await this.#byPassword(given.slice(0, colon), given.slice(colon + 1), from);
    return await this.#unlessOpen({ refused: 'the registry takes a user name and a password, or a token of its own', status: 401 });
  }

  async #byPassword(name: string, password: string, from: string): Promise<Authentication> {
    const account = await this.#accounts.find(name, this.#options.clock.now());
    if (!account && (await this.#accounts.isOpen())) return { identity: ANONYMOUS };
    const proof = await this.#proofs.check(account, name, password, from);
    if ('refused' in proof) return proof;
    return { identity: { kind: account?.kind ?? 'user', name } };
  }

  async #byToken(token: string): Promise<Authentication> {
    const now = this.#options.clock.now();
    const claims = this.#signer.read(token, 'access', now);
    if ('refused' in claims) return { ...claims, status: 401, error: 'invalid_token' };
    if (claims.sub === '') return { identity: { ...ANONYMOUS, grants: claims.access } };
    const account = await this.#accounts.find(claims.sub, now);
    if (!account || account.barred !== undefined || stampOf(account.secret) !== claims.stamp)
      return { refused: account?.barred ?? `the token is no longer valid: ${claims.sub} has changed`, status: 401, error: 'invalid_token' };
    return { identity: { kind: account.kind, name: account.name, grants: claims.access } };
  }

  /** Where everybody may do everything, credentials that mean nothing do no harm: clients send what they have. */
  async #unlessOpen(known: Authentication): Promise<Authentication> {
    return 'refused' in known && (await this.#accounts.isOpen()) ? { identity: ANONYMOUS } : known;
  }

  async authorize(identity: Identity, wish: Wish): Promise<Verdict> {
    return decide(identity, await this.#accounts.standing(identity), wish);
  }

  challenge(base: string, scopes: readonly Scope[] = [], error?: 'invalid_token' | 'insufficient_scope'): string {
    if (this.#options.challenge === 'basic') return 'Basic realm="gantry registry", charset="UTF-8"';
    const scope = scopes.map(({ type, name, actions }) => `${type}:${name}:${actions.join(',')}`).join(' ');
    const realm = `${this.#options.publicUrl ?? base}/token`;
    return [
      `Bearer realm="${realm}"`,
      `service="${SERVICE}"`,
      ...(scope ? [`scope="${scope}"`] : []),
      ...(error ? [`error="${error}"`] : []),
    ].join(',');
  }

  async token(request: TokenRequest): Promise<TokenReply> {
    const { clock, tokenLife } = this.#options;
    return await answerTokenRequest(request, {
      accounts: this.#accounts,
      signer: this.#signer,
      now: clock.now(),
      life: tokenLife,
      prove: (name, password) => this.#byPassword(name, password, request.from),
      authenticate: (header) => this.authenticate(header, request.from),
    });
  }
}
