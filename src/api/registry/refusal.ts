import { type Access, RegistryError, type Scope } from '../../registry/index.ts';
import type { Exchange } from '../http/index.ts';
import { errorBody } from './errors.ts';

/** A form with credentials is short. */
const FORM_LIMIT = 64 * 1024;

/** What access control says no to: 401 with a challenge, 403, or 429. */
export class Refusal extends Error {
  readonly status: 401 | 403 | 429;
  readonly scopes: readonly Scope[] | undefined;
  readonly error: 'invalid_token' | 'insufficient_scope' | undefined;
  readonly retryAfter: number | undefined;

  constructor(
    reason: string,
    status: 401 | 403 | 429,
    more: { scopes?: readonly Scope[]; error?: 'invalid_token' | 'insufficient_scope' | undefined; retryAfter?: number } = {},
  ) {
    super(reason);
    this.status = status;
    this.scopes = more.scopes;
    this.error = more.error;
    this.retryAfter = more.retryAfter;
  }
}

const CODES = { 401: 'UNAUTHORIZED', 403: 'DENIED', 429: 'TOOMANYREQUESTS' } as const;

export function refuse(access: Access | undefined, exchange: Exchange, { status, message, scopes, error, retryAfter }: Refusal): void {
  const extra: string[] = [];
  if (status === 401 && access) extra.push('WWW-Authenticate', access.challenge(baseOf(exchange), scopes, error));
  if (retryAfter !== undefined) extra.push('Retry-After', String(retryAfter));
  exchange.headers = [...exchange.headers, ...extra];
  const body = errorBody(CODES[status], message, scopes);
  const { headers, complete } = exchange.request;
  const hasBody = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
  if (hasBody && !complete) exchange.sendUnread(status, body, 'application/json');
  else exchange.send(status, body, 'application/json');
}

export async function serveToken(access: Access | undefined, exchange: Exchange): Promise<void> {
  const { method, request } = exchange;
  if (!access) throw new RegistryError('UNSUPPORTED', 'this registry needs no tokens');
  if (method !== 'GET' && method !== 'POST') throw new RegistryError('UNSUPPORTED', `${method} is not possible here: GET and POST are`);
  const parameters = method === 'GET' ? exchange.query : new URLSearchParams((await exchange.body(FORM_LIMIT)).toString());
  const reply = await access.token({ method, authorization: request.headers.authorization, parameters, from: clientAddress(exchange) });
  exchange.send(reply.status, `${JSON.stringify(reply.body)}\n`, 'application/json', Object.entries(reply.headers).flat());
}

export const clientAddress = (exchange: Exchange): string => exchange.request.socket?.remoteAddress ?? '';

/** How the client sees us. Behind a proxy that ends TLS, that is what the proxy says. */
function baseOf(exchange: Exchange): string {
  const { headers, socket } = exchange.request;
  const forwarded = headers['x-forwarded-proto'];
  const secure = 'encrypted' in socket || forwarded === 'https';
  return `${secure ? 'https' : 'http'}://${headers.host ?? 'localhost'}`;
}
