import { readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:http';
import { CommandFailure } from '../failure.ts';

export interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** False accepts any server certificate. */
  readonly verify: boolean;
}

/** Where the engine listens. */
export interface Endpoint {
  /** As the user wrote it, for messages: `unix:///run/gantry/gantry.sock`, `tcp://host:2376`. */
  readonly address: string;
  readonly tls?: TlsFiles;
}

export const DEFAULT_ADDRESS = 'unix:///run/gantry/gantry.sock';
const PLAIN_PORT = 2375;
const TLS_PORT = 2376;

/** Completes a `-H` value: a bare path is a unix socket, a bare `host:port` is tcp. Throws for schemes that cannot be spoken. */
export function normalizeAddress(given: string): string {
  const address = given.trim();
  if (address === '') return DEFAULT_ADDRESS;
  if (address.startsWith('/')) return `unix://${address}`;
  const scheme = /^([a-z]+):\/\//.exec(address)?.[1];
  if (scheme === undefined) return `tcp://${address}`;
  if (!['unix', 'tcp', 'http', 'https'].includes(scheme)) {
    throw new CommandFailure(`unable to parse docker host \`${given}\`: gantry speaks unix:// and tcp://, not ${scheme}://`);
  }
  return address;
}

function readPem(file: string | undefined): { pem?: Buffer } {
  if (file === undefined) return {};
  try {
    return { pem: readFileSync(file) };
  } catch (error) {
    throw new CommandFailure(`could not read ${file}: ${error instanceof Error ? error.message : error}`, 1, error);
  }
}

function tlsOptions(tls: TlsFiles): RequestOptions {
  const ca = readPem(tls.ca).pem;
  const cert = readPem(tls.cert).pem;
  const key = readPem(tls.key).pem;
  return { rejectUnauthorized: tls.verify, ...(ca ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) } as RequestOptions;
}

/** Options of node:http or node:https that reach `endpoint`, and which of the two to use. */
export function connectionOptions(endpoint: Endpoint): { secure: boolean; options: RequestOptions } {
  if (endpoint.address.startsWith('unix://')) {
    // The empty server name saves a test for IP addresses, whose pattern takes 6 ms to compile.
    return {
      secure: false,
      options: { socketPath: endpoint.address.slice('unix://'.length), host: 'localhost', servername: '' } as RequestOptions,
    };
  }
  const url = new URL(endpoint.address.replace(/^tcp:/, 'http:'));
  const secure = endpoint.tls !== undefined || url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? (secure ? TLS_PORT : PLAIN_PORT) : Number(url.port);
  return { secure, options: { host, port, ...(endpoint.tls ? tlsOptions(endpoint.tls) : {}) } };
}
