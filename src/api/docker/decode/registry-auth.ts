import { invalid } from '../../../base/index.ts';
import type { Credentials } from '../../../images/index.ts';
import { Fields } from './fields.ts';

/** The header X-Registry-Auth: JSON in base64, of either alphabet. Undefined when it says nothing. Fails with `invalid`. */
export function decodeRegistryAuth(header: string | string[] | undefined): Credentials | undefined {
  if (header === undefined || header === '' || Array.isArray(header)) return undefined;
  let document: unknown;
  try {
    document = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'));
  } catch {
    throw invalid('invalid X-Registry-Auth header: it is not JSON in base64');
  }
  if (document === null) return undefined;
  return decodeCredentials(new Fields(document, 'X-Registry-Auth'));
}

/** Credentials as clients keep them, in the header and in the body of `/auth`. */
export function decodeCredentials(fields: Fields): Credentials | undefined {
  // "auth" holds `user:password` in base64, as in the clients' configuration file.
  const [user, password] = splitOnce(Buffer.from(fields.string('auth'), 'base64').toString('utf8'));
  const credentials: Credentials = {};
  const username = fields.string('username') || user;
  const secret = fields.string('password') || password;
  if (username) credentials.username = username;
  if (secret) credentials.password = secret;
  if (fields.string('identitytoken')) credentials.identityToken = fields.string('identitytoken');
  if (fields.string('registrytoken')) credentials.registryToken = fields.string('registrytoken');
  return Object.keys(credentials).length > 0 ? credentials : undefined;
}

function splitOnce(text: string): [string, string] {
  const at = text.indexOf(':');
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
