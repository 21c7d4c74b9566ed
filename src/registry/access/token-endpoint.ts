import type { Authentication, Identity, Scope, TokenReply, TokenRequest } from './access.ts';
import type { Accounts } from './accounts.ts';
import { decide, type Standing } from './decide.ts';
import { type Claims, stampOf, type TokenSigner } from './tokens.ts';

/** A refresh token is what `docker login` keeps instead of the password. Milliseconds. */
const REFRESH_LIFE = 365 * 24 * 3_600_000;
const MOST_SCOPES = 200;

export interface TokenParts {
  accounts: Accounts;
  signer: TokenSigner;
  now: number;
  /** Of an access token, in milliseconds. */
  life: number;
  prove(name: string, password: string): Promise<Authentication>;
  authenticate(authorization: string | undefined): Promise<Authentication>;
}

/** Who asks, and how it may be told. */
interface Asker {
  identity: Identity;
  wantsRefresh: boolean;
}

/** GET with basic authentication, or OAuth2's POST (distribution's "token" and "oauth" specifications). */
export async function answerTokenRequest(request: TokenRequest, parts: TokenParts): Promise<TokenReply> {
  const { method, parameters } = request;
  const scopes = parseScopes(parameters.getAll('scope'));
  if (typeof scopes === 'string') return failure(400, 'invalid_scope', scopes);
  const asker = method === 'GET' ? await askedByGet(request, parts) : await askedByForm(parameters, parts);
  if ('status' in asker) return asker;
  return await issue(asker, scopes, parts);
}

async function askedByGet({ authorization, parameters }: TokenRequest, parts: TokenParts): Promise<Asker | TokenReply> {
  const known = await parts.authenticate(authorization);
  if (!('identity' in known)) return refusal(known);
  // A token does not prolong itself.
  if (known.identity.grants) return failure(401, 'invalid_client', 'new tokens are given for a name and a password, not for a token');
  return { identity: known.identity, wantsRefresh: parameters.get('offline_token') === 'true' };
}

async function askedByForm(form: URLSearchParams, parts: TokenParts): Promise<Asker | TokenReply> {
  const grant = form.get('grant_type');
  if (grant === 'password') {
    const known = await parts.prove(form.get('username') ?? '', form.get('password') ?? '');
    if (!('identity' in known)) return refusal(known);
    return { identity: known.identity, wantsRefresh: form.get('access_type') === 'offline' };
  }
  if (grant !== 'refresh_token')
    return failure(400, 'unsupported_grant_type', `grant_type ${JSON.stringify(grant)} is neither password nor refresh_token`);
  const claims = parts.signer.read(form.get('refresh_token') ?? '', 'refresh', parts.now);
  if ('refused' in claims) return failure(401, 'invalid_grant', `${claims.refused}: log in again`);
  const account = await parts.accounts.find(claims.sub, parts.now);
  if (!account || account.barred !== undefined || stampOf(account.secret) !== claims.stamp)
    return failure(401, 'invalid_grant', `${account?.barred ?? `the login of ${claims.sub} is no longer valid`}: log in again`);
  return { identity: { kind: account.kind, name: account.name }, wantsRefresh: form.get('access_type') === 'offline' };
}

/** A token for as much of what was asked as the rules allow: less is no failure, the registry tells what is missing. */
async function issue({ identity, wantsRefresh }: Asker, scopes: readonly Scope[], parts: TokenParts): Promise<TokenReply> {
  const { accounts, signer, now, life } = parts;
  const account = identity.kind === 'anonymous' ? undefined : await accounts.find(identity.name, now);
  const standing = await accounts.standing(identity);
  const access = scopes.map((scope) => granted(identity, standing, scope)).filter(({ actions }) => actions.length > 0);
  const common = { sub: identity.name, stamp: account ? stampOf(account.secret) : '', iat: seconds(now) };
  const until = (milliseconds: number) => seconds(Math.min(now + milliseconds, account?.expiresAt ?? Number.POSITIVE_INFINITY));
  const claims: Claims = { ...common, use: 'access', access, exp: until(life) };
  const token = signer.sign(claims);
  const refresh =
    wantsRefresh && account ? { refresh_token: signer.sign({ ...common, use: 'refresh', access: [], exp: until(REFRESH_LIFE) }) } : {};
  const body = {
    token,
    access_token: token,
    expires_in: claims.exp - claims.iat,
    issued_at: new Date(now).toISOString(),
    scope: access.map(format).join(' '),
    ...refresh,
  };
  return { status: 200, headers: { 'Cache-Control': 'no-store' }, body };
}

const seconds = (milliseconds: number) => Math.floor(milliseconds / 1000);
const format = ({ type, name, actions }: Scope) => `${type}:${name}:${actions.join(',')}`;

function granted(identity: Identity, standing: Standing, { type, name, actions }: Scope): Scope {
  if (type === 'registry') {
    const may = name === 'catalog' && decide(identity, standing, { action: 'catalog' }).allowed;
    return { type, name, actions: may ? ['*'] : [] };
  }
  const wanted = (['pull', 'push', 'delete'] as const).filter((action) => actions.includes(action) || actions.includes('*'));
  return { type, name, actions: wanted.filter((action) => decide(identity, standing, { action, repository: name }).allowed) };
}

/** `type:name:action,action`, several in one parameter or in many. A sentence where one is not understood. */
function parseScopes(given: readonly string[]): Scope[] | string {
  const words = given.flatMap((text) => text.split(' ')).filter((word) => word !== '');
  if (words.length > MOST_SCOPES) return `${words.length} scopes are more than the ${MOST_SCOPES} that one token may have`;
  const scopes: Scope[] = [];
  for (const word of words) {
    const match = /^(repository|registry)(?:\([a-z0-9]+\))?:([^:]+(?::\d+\/[^:]+)?):([a-z*,]*)$/.exec(word);
    if (!match) return `the scope '${word.slice(0, 200)}' is not understood: repository:NAME:pull,push is`;
    scopes.push({ type: match[1] as Scope['type'], name: match[2] ?? '', actions: (match[3] ?? '').split(',').filter(Boolean) });
  }
  return scopes;
}

function refusal(known: Exclude<Authentication, { identity: Identity }>): TokenReply {
  if (known.status === 401) return failure(401, 'invalid_grant', known.refused);
  return { ...failure(429, 'temporarily_unavailable', known.refused), headers: { 'Retry-After': String(known.retryAfterSeconds) } };
}

/** In OAuth2's words (RFC 6749, 5.2) and in the registry's. */
function failure(status: 400 | 401 | 429, error: string, message: string): TokenReply {
  const code = { 400: 'UNSUPPORTED', 401: 'UNAUTHORIZED', 429: 'TOOMANYREQUESTS' }[status];
  return { status, headers: { 'Cache-Control': 'no-store' }, body: { error, error_description: message, errors: [{ code, message }] } };
}
