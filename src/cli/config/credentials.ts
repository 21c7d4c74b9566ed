import { CommandFailure } from '../failure.ts';
import type { Session } from '../session.ts';

/** What goes into the X-Registry-Auth header. */
export interface AuthConfig {
  username?: string;
  password?: string;
  identitytoken?: string;
  serveraddress?: string;
}

/** The key that Docker Hub has in config.json. */
export const HUB_KEY = 'https://index.docker.io/v1/';

/** The key under which a registry's password is kept. */
export const registryKey = (registry: string) =>
  registry === 'docker.io' || registry === 'index.docker.io' || registry === '' ? HUB_KEY : registry;

const hostOf = (key: string) => key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');

/** The helper program that keeps the password of `key`, if one is set. */
function helperFor(session: Session, key: string): string | undefined {
  const { credHelpers, credsStore } = session.settings.file;
  return credHelpers?.[key] ?? credHelpers?.[hostOf(key)] ?? credsStore;
}

async function callHelper(session: Session, helper: string, action: string, input: string): Promise<string | undefined> {
  const { code, stdout, stderr } = await session.runProgram(`docker-credential-${helper}`, [action], input);
  if (code === 0) return stdout;
  // Helpers report "not found" by exit code and words, not by an empty answer.
  if (/credentials not found/i.test(stdout + stderr)) return undefined;
  throw new CommandFailure(
    `error getting credentials - docker-credential-${helper} failed with exit code ${code}: ${(stdout || stderr).trim()}`,
  );
}

function storedInFile(session: Session, key: string): AuthConfig | undefined {
  const auths = session.settings.file.auths ?? {};
  const found = auths[key] ?? Object.entries(auths).find(([name]) => hostOf(name) === hostOf(key))?.[1];
  if (!found) return undefined;
  if (found.identitytoken) return { identitytoken: found.identitytoken, serveraddress: key };
  if (!found.auth) return found.username ? { username: found.username, password: found.password ?? '', serveraddress: key } : undefined;
  const decoded = Buffer.from(found.auth, 'base64').toString('utf8').replace(/\0+$/, '');
  const colon = decoded.indexOf(':');
  if (colon < 0) throw new CommandFailure(`invalid auth configuration for ${key} in ${session.settings.folder}/config.json`);
  return { username: decoded.slice(0, colon), password: decoded.slice(colon + 1), serveraddress: key };
}

/** The password kept for a registry: from a credential helper when one is set, else from config.json. Empty when there is none. */
export async function authFor(session: Session, registry: string): Promise<AuthConfig> {
  const key = registryKey(registry);
  const helper = helperFor(session, key);
  if (!helper) return storedInFile(session, key) ?? {};
  const answer = await callHelper(session, helper, 'get', key);
  if (!answer) return storedInFile(session, key) ?? {};
  const { Username, Secret } = JSON.parse(answer) as { Username: string; Secret: string };
  return Username === '<token>'
    ? { identitytoken: Secret, serveraddress: key }
    : { username: Username, password: Secret, serveraddress: key };
}

/** The header of pull and push. */
export async function authHeader(session: Session, registry: string): Promise<Record<string, string>> {
  const auth = await authFor(session, registry);
  return { 'X-Registry-Auth': Buffer.from(JSON.stringify(auth)).toString('base64url') };
}

/** Keeps a password, in the helper when one is set. */
export async function storeAuth(session: Session, key: string, auth: AuthConfig): Promise<'helper' | 'file'> {
  const helper = helperFor(session, key);
  if (helper) {
    const secret = auth.identitytoken
      ? { Username: '<token>', Secret: auth.identitytoken }
      : { Username: auth.username, Secret: auth.password };
    await callHelper(session, helper, 'store', JSON.stringify({ ServerURL: key, ...secret }));
    session.settings.change((file) => {
      file.auths = { ...file.auths, [key]: {} };
    });
    return 'helper';
  }
  session.settings.change((file) => {
    const pair = Buffer.from(`${auth.username ?? ''}:${auth.password ?? ''}`).toString('base64');
    file.auths = {
      ...file.auths,
      [key]: auth.identitytoken
        ? { auth: Buffer.from(`${auth.username ?? ''}:`).toString('base64'), identitytoken: auth.identitytoken }
        : { auth: pair },
    };
  });
  return 'file';
}

/** Forgets a password; false when none was kept. */
export async function eraseAuth(session: Session, key: string): Promise<boolean> {
  const helper = helperFor(session, key);
  if (helper) await callHelper(session, helper, 'erase', key);
  const known = session.settings.file.auths?.[key] !== undefined;
  if (known) {
    session.settings.change((file) => {
      delete file.auths?.[key];
    });
  }
  return known || helper !== undefined;
}
