import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Endpoint } from '../client/index.ts';
import { CommandFailure } from '../failure.ts';

/** One stored context, as `docker context create` lays it out under `contexts/meta/<sha256 of name>/meta.json`. */
export interface StoredContext {
  readonly Name: string;
  readonly Metadata: { readonly Description?: string } & Record<string, unknown>;
  readonly Endpoints: Record<string, { readonly Host?: string; readonly SkipTLSVerify?: boolean } | undefined>;
}

// Fetched when a context is looked up: loading it would cost every other command 4 ms.
export const contextKey = (name: string) => process.getBuiltinModule('node:crypto').createHash('sha256').update(name).digest('hex');
export const metaFolder = (configFolder: string, name: string) => path.join(configFolder, 'contexts/meta', contextKey(name));
export const tlsFolder = (configFolder: string, name: string) => path.join(configFolder, 'contexts/tls', contextKey(name));

/** Throws `CommandFailure` when there is no such context. */
export function readContext(configFolder: string, name: string): StoredContext {
  const file = path.join(metaFolder(configFolder, name), 'meta.json');
  if (!existsSync(file))
    throw new CommandFailure(`context ${JSON.stringify(name)}: context not found: open ${file}: no such file or directory`);
  return JSON.parse(readFileSync(file, 'utf8')) as StoredContext;
}

/** All stored contexts by name; not the built-in `default`. */
export function listContexts(configFolder: string): StoredContext[] {
  const folder = path.join(configFolder, 'contexts/meta');
  if (!existsSync(folder)) return [];
  const all = readdirSync(folder).map((key) => JSON.parse(readFileSync(path.join(folder, key, 'meta.json'), 'utf8')) as StoredContext);
  return all.sort((a, b) => (a.Name < b.Name ? -1 : 1));
}

export function contextEndpoint(configFolder: string, name: string): Endpoint {
  const stored = readContext(configFolder, name).Endpoints.docker;
  if (!stored?.Host) throw new CommandFailure(`context ${JSON.stringify(name)} has no docker endpoint`);
  const tls = path.join(tlsFolder(configFolder, name), 'docker');
  if (!existsSync(tls) && !stored.SkipTLSVerify) return { address: stored.Host };
  const pem = (file: string) => (existsSync(path.join(tls, file)) ? path.join(tls, file) : undefined);
  const [ca, cert, key] = [pem('ca.pem'), pem('cert.pem'), pem('key.pem')];
  const secure = stored.Host.startsWith('tcp://') || stored.Host.startsWith('https://');
  if (!secure) return { address: stored.Host };
  return {
    address: stored.Host,
    tls: { verify: !stored.SkipTLSVerify, ...(ca ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) },
  };
}
