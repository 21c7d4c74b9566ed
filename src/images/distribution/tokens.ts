import { type Clock, GantryError, sha256 } from '../../base/index.ts';
import type { Credentials } from '../images.ts';
import type { Challenge } from './challenge.ts';
import { registryFailure } from './failures.ts';
import { type RegistryResponse, readBody, type Transport } from './transport.ts';

/** Seconds that a token lasts when the server does not say (distribution's token specification). */
const DEFAULT_LIFE = 60;
/** A token is not used in its last seconds. */
const MARGIN = 5;
const MOST_TOKEN_BYTES = 1024 * 1024;
const MOST_TOKENS = 200;
const CLIENT_ID = 'gantry';

export interface TokenRequest {
  challenge: Challenge;
  /** Space-separated, such as `repository:library/busybox:pull`. Empty for a login. */
  scope: string;
  credentials: Credentials | undefined;
  /** Whether the realm may be plain HTTP. */
  insecure: boolean;
  signal: AbortSignal;
}

/** Bearer tokens by realm, service, scope and user, until they expire. */
export class TokenCache {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #tokens = new Map<string, { token: string; until: number }>();

  constructor(transport: Transport, clock: Clock) {
    this.#transport = transport;
    this.#clock = clock;
  }

  /** `fresh` asks the server even when a token is at hand, since that one was refused. */
  async get(request: TokenRequest, fresh = false): Promise<string> {
    const { realm = '', service = '' } = request.challenge.parameters;
    const key = sha256(JSON.stringify([realm, service, request.scope, request.credentials ?? null]));
    const known = this.#tokens.get(key);
    if (!fresh && known && known.until > this.#clock.now()) return known.token;
    const { token, life } = await this.fetch(request);
    if (this.#tokens.size >= MOST_TOKENS) this.#tokens.clear();
    this.#tokens.set(key, { token, until: this.#clock.now() + (life - MARGIN) * 1000 });
    return token;
  }

  async fetch(request: TokenRequest): Promise<{ token: string; life: number; identityToken?: string }> {
    const response = await this.#ask(request, realmOf(request));
    if (response.status !== 200) throw await registryFailure(response, { method: 'GET', url: response.url });
    const answer = parseAnswer(response, await readBody(response, MOST_TOKEN_BYTES));
    const token = [answer['token'], answer['access_token']].find((value) => typeof value === 'string' && value !== '');
    if (typeof token !== 'string') throw new GantryError('unavailable', `The token server ${response.url.host} sent no token`);
    const life = Number(answer['expires_in']);
    const refresh = answer['refresh_token'];
    return {
      token,
      life: Number.isFinite(life) && life > 0 ? Math.min(life, 86_400) : DEFAULT_LIFE,
      ...(typeof refresh === 'string' && refresh ? { identityToken: refresh } : {}),
    };
  }

  #ask({ challenge, scope, credentials, insecure, signal }: TokenRequest, realm: URL): Promise<RegistryResponse> {
    const { service } = challenge.parameters;
    if (credentials?.identityToken) {
      const form = new URLSearchParams({
        grant_type: 'refresh_token',
        client_id: CLIENT_ID,
        refresh_token: credentials.identityToken,
        ...(service ? { service } : {}),
        ...(scope ? { scope } : {}),
      });
      return this.#transport.request({
        method: 'POST',
        url: realm,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: Buffer.from(form.toString()),
        insecure,
        signal,
      });
    }
    if (service) realm.searchParams.set('service', service);
    for (const one of scope.split(' ').filter(Boolean)) realm.searchParams.append('scope', one);
    if (credentials?.username) realm.searchParams.set('account', credentials.username);
    return this.#transport.request({ method: 'GET', url: realm, headers: basicHeader(credentials), insecure, signal });
  }
}

/** The header of HTTP basic authentication; none without a user name. */
export function basicHeader(credentials: Credentials | undefined): Record<string, string> {
  if (!credentials?.username) return {};
  return { authorization: `Basic ${Buffer.from(`${credentials.username}:${credentials.password ?? ''}`).toString('base64')}` };
}

function realmOf({ challenge, insecure, credentials }: TokenRequest): URL {
  const text = challenge.parameters['realm'] ?? '';
  const realm = URL.canParse(text) ? new URL(text) : undefined;
  if (!realm || (realm.protocol !== 'https:' && realm.protocol !== 'http:'))
    throw new GantryError(
      'unavailable',
      `The registry names a token server that is not a web address: ${JSON.stringify(text.slice(0, 200))}`,
    );
  const secret = credentials?.username || credentials?.identityToken;
  if (realm.protocol === 'http:' && !insecure && secret)
    throw new GantryError('denied', `The registry asks to send the password in the clear to ${realm.host}; it was not sent`);
  return realm;
}

function parseAnswer(response: RegistryResponse, body: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Told below: whatever it was, it was no JSON object.
  }
  throw new GantryError('unavailable', `The token server ${response.url.host} sent an answer that is not a JSON object`);
}
