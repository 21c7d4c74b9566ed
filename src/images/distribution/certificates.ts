import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, GantryError } from '../../base/index.ts';

/** What TLS needs for one registry host beyond the system's authorities. */
export interface RegistryCertificates {
  ca?: string[];
  pairs: { cert: string; key: string }[];
}

/**
 * Reads `<folder>/<host:port>/*.crt` (authorities) and `*.cert` with `*.key` (client certificates), Docker's layout;
 * `ca.crt`, `client.cert` and `client.key` are the usual names.
 */
export function readCertificates(host: string, folders: readonly string[]): RegistryCertificates {
  const ca: string[] = [];
  const pairs: { cert: string; key: string }[] = [];
  for (const folder of folders.map((root) => join(root, host))) {
    const names = list(folder);
    for (const name of names) {
      if (name.endsWith('.crt')) ca.push(read(join(folder, name)));
      if (!name.endsWith('.cert')) continue;
      const key = `${name.slice(0, -5)}.key`;
      if (!names.includes(key)) throw new GantryError('invalid', `missing key ${key} for client certificate ${name} in ${folder}`);
      pairs.push({ cert: read(join(folder, name)), key: read(join(folder, key)) });
    }
  }
  return { ...(ca.length > 0 ? { ca } : {}), pairs };
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return [];
    throw new GantryError('internal', `Could not read the certificates in ${folder}`, { cause: error });
  }
}

const read = (path: string) => readFileSync(path, 'utf8');
