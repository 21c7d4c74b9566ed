import { GantryError, invalid } from '../../base/index.ts';
import type { Credentials } from '../images.ts';
import { parseChallenges } from './challenge.ts';
import { type Endpoint, endpointsOf, type RegistryOptions } from './endpoints.ts';
import { registryFailure } from './failures.ts';
import { basicHeader, type TokenCache } from './tokens.ts';
import type { RegistryResponse, Transport } from './transport.ts';

export interface LoginParts {
  transport: Transport;
  tokens: TokenCache;
  registries: RegistryOptions;
}

/** Docker Hub's address in the configuration of the CLI is that of an index long gone. */
const HUB_INDEX = /^(https?:\/\/)?index\.docker\.io\/v1\/?$/;

/** Fails with `denied` when the registry does not accept `credentials`. */
export async function checkLogin(
  serverAddress: string,
  credentials: Credentials,
  parts: LoginParts,
  signal: AbortSignal,
): Promise<{ identityToken?: string }> {
  const host = hostOf(serverAddress);
  let failure: unknown;
  for (const endpoint of await endpointsOf(host, parts.registries, false)) {
    const url = new URL('/v2/', endpoint.origin);
    let response: RegistryResponse;
    try {
      response = await parts.transport.request({ method: 'GET', url, insecure: endpoint.insecure, signal });
    } catch (error) {
      signal.throwIfAborted();
      failure ??= error;
      continue;
    }
    if (response.status === 400 && url.protocol === 'http:') {
      response.body.resume();
      failure ??= new GantryError('unavailable', `${url.host} does not speak plain HTTP`);
      continue;
    }
    return answer(response, url, credentials, endpoint, parts, signal);
  }
  throw failure;
}

async function answer(
  response: RegistryResponse,
  url: URL,
  credentials: Credentials,
  endpoint: Endpoint,
  parts: LoginParts,
  signal: AbortSignal,
): Promise<{ identityToken?: string }> {
  if (response.status === 200) {
    response.body.resume();
    return {};
  }
  if (response.status !== 401) throw await registryFailure(response, { method: 'GET', url });
  response.body.resume();
  const offered = parseChallenges(response.headers['www-authenticate']);
  const bearer = offered.find((challenge) => challenge.scheme === 'bearer');
  if (!bearer && !offered.some((challenge) => challenge.scheme === 'basic'))
    throw new GantryError('unsupported', `${url.host} asks for a login that is neither basic nor bearer`);
  const granted = bearer
    ? await parts.tokens.fetch({ challenge: bearer, scope: '', credentials, insecure: endpoint.insecure, signal })
    : undefined;
  const headers = granted ? { authorization: `Bearer ${granted.token}` } : basicHeader(credentials);
  const second = await parts.transport.request({ method: 'GET', url, headers, insecure: endpoint.insecure, signal });
  second.body.resume();
  if (second.status !== 200)
    throw new GantryError(
      'denied',
      `login attempt to ${url.href} failed with status: ${second.status} ${second.body.statusMessage ?? ''}`.trimEnd(),
    );
  return granted?.identityToken ? { identityToken: granted.identityToken } : {};
}

function hostOf(serverAddress: string): string {
  if (serverAddress === '' || HUB_INDEX.test(serverAddress)) return 'docker.io';
  const host = serverAddress.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  if (!/^(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d{1,5})?$/.test(host))
    throw invalid(`${JSON.stringify(serverAddress)} is not the address of a registry`);
  return host;
}
