import path from 'node:path';
import { DEFAULT_ADDRESS, type Endpoint, normalizeAddress, type TlsFiles } from '../client/index.ts';
import { CommandFailure } from '../failure.ts';
import type { Flags } from '../flags/index.ts';
import { contextEndpoint } from './contexts.ts';
import type { Settings } from './settings.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/** The address in the environment: Gantry's own variable goes before Docker's. */
export const environmentAddress = (env: Env) => env.GANTRY_HOST || env.DOCKER_HOST || undefined;

/** Name of the context in use: flag, then DOCKER_CONTEXT, then `context use`; an address in flags or environment means `default`. */
export function currentContext(globals: Flags, env: Env, settings: Settings): string {
  const hosts = globals.list('host');
  if (globals.given('context') && hosts.length > 0)
    throw new CommandFailure('conflicting options: cannot specify both --host and --context');
  if (globals.given('context')) return globals.text('context');
  if (hosts.length > 0 || environmentAddress(env)) return 'default';
  return env.DOCKER_CONTEXT || settings.file.currentContext || 'default';
}

function tlsFiles(globals: Flags, env: Env, settings: Settings): TlsFiles | undefined {
  const verify = globals.bool('tlsverify') || (!globals.given('tlsverify') && Boolean(env.DOCKER_TLS_VERIFY));
  if (!verify && !globals.bool('tls') && !env.DOCKER_TLS) return undefined;
  const folder = env.DOCKER_CERT_PATH || settings.folder;
  const file = (flag: string, name: string) => (globals.given(flag) ? globals.text(flag) : path.join(folder, name));
  const cert = file('tlscert', 'cert.pem');
  const key = file('tlskey', 'key.pem');
  return { verify, ...(verify || globals.given('tlscacert') ? { ca: file('tlscacert', 'ca.pem') } : {}), cert, key };
}

/** The engine to talk to. Throws `CommandFailure` for more than one `-H`, an unknown context or an unspeakable scheme. */
export function chooseEndpoint(globals: Flags, env: Env, settings: Settings): Endpoint {
  const name = currentContext(globals, env, settings);
  if (name !== 'default') return contextEndpoint(settings.folder, name);
  const hosts = globals.list('host');
  if (hosts.length > 1) throw new CommandFailure('Specify only one -H');
  const address = normalizeAddress(hosts[0] ?? environmentAddress(env) ?? DEFAULT_ADDRESS);
  const tls = address.startsWith('unix://') ? undefined : tlsFiles(globals, env, settings);
  return { address, ...(tls ? { tls } : {}) };
}
