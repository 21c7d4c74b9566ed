import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describe, invalid, LOG_LEVELS, type LogLevel } from '../../base/index.ts';
import type { Quotas, Retention, WebhookTarget } from '../../registry/index.ts';
import { type AccessFlags, parseAccess, parseDuration } from './access-options.ts';

/** What the operator asked of the registry, from flags and from one file of JSON with the same names. */
export interface RegistryOptions {
  root: string;
  /** host:port. */
  listen: string;
  tls: { certificate: string; key: string } | undefined;
  insecure: boolean;
  access: AccessFlags;
  allowDelete: boolean;
  quotas: Quotas;
  retention: Retention;
  /** Milliseconds between collections; undefined: only when asked. */
  collectEvery: number | undefined;
  webhooks: WebhookTarget[];
  logLevel: LogLevel;
}

const FLAGS = {
  root: { type: 'string' },
  listen: { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  insecure: { type: 'boolean' },
  'public-url': { type: 'string' },
  auth: { type: 'string' },
  'token-life': { type: 'string' },
  'allow-delete': { type: 'boolean' },
  quota: { type: 'string', multiple: true },
  'gc-interval': { type: 'string' },
  'gc-lease': { type: 'string' },
  'keep-uploads': { type: 'string' },
  'keep-untagged': { type: 'string' },
  webhook: { type: 'string', multiple: true },
  'log-level': { type: 'string' },
  config: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

type Raw = { -readonly [K in keyof typeof FLAGS]?: unknown };

export const DEFAULT_ROOT = '/var/lib/gantry-registry';

/** Fails with `invalid` that names the flag or key. Undefined when help was asked for. */
export function parseRegistryOptions(
  args: readonly string[],
  readFile = (path: string) => readFileSync(path, 'utf8'),
): RegistryOptions | undefined {
  const flags = parseFlags(args);
  if (flags.help === true) return undefined;
  const file = typeof flags.config === 'string' ? parseFile(flags.config, readFile) : {};
  for (const key of Object.keys(file)) {
    if (flags[key as keyof Raw] !== undefined)
      throw invalid(`"${key}" is given both as a flag and in ${String(flags.config)}`, 'Keep one of the two.');
  }
  return resolve({ ...file, ...flags });
}

function parseFlags(args: readonly string[]): Raw {
  try {
    return parseArgs({ args: [...args], options: FLAGS, allowPositionals: false, strict: true }).values;
  } catch (error) {
    throw invalid(describe(error).split('. To specify')[0] ?? '', "See 'gantry registry serve --help'.");
  }
}

function parseFile(path: string, readFile: (path: string) => string): Raw {
  let document: unknown;
  try {
    document = JSON.parse(readFile(path));
  } catch (error) {
    throw invalid(`the configuration file ${path} cannot be read as JSON: ${describe(error)}`);
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw invalid(`the configuration file ${path} must hold a JSON object`);
  for (const key of Object.keys(document)) {
    if (!Object.hasOwn(FLAGS, key) || key === 'config' || key === 'help')
      throw invalid(`the configuration file ${path} has a key that is not known: ${key}`);
  }
  return document as Raw;
}

function resolve(raw: Raw): RegistryOptions {
  const text = (key: keyof Raw, otherwise: string) => {
    const value = raw[key] ?? otherwise;
    if (typeof value !== 'string') throw invalid(`"${key}" must be text`);
    return value;
  };
  const flag = (key: keyof Raw) => {
    const value = raw[key] ?? false;
    if (typeof value !== 'boolean') throw invalid(`"${key}" must be true or false`);
    return value;
  };
  const root = text('root', DEFAULT_ROOT);
  if (!root.startsWith('/')) throw invalid(`--root ${root} must be an absolute path`);
  const [certificate, key] = [text('tls-cert', ''), text('tls-key', '')];
  if ((certificate === '') !== (key === '')) throw invalid('--tls-cert and --tls-key go together');
  const logLevel = text('log-level', 'info') as LogLevel;
  if (!LOG_LEVELS.includes(logLevel)) throw invalid(`--log-level ${logLevel} is not known`, `Use one of ${LOG_LEVELS.join(', ')}.`);
  const untagged = text('keep-untagged', 'always');
  const every = text('gc-interval', '1h');
  return {
    root,
    listen: text('listen', '127.0.0.1:5000'),
    tls: certificate === '' ? undefined : { certificate, key },
    insecure: flag('insecure'),
    access: parseAccess(text('auth', 'token'), text('token-life', '5m'), text('public-url', '')),
    allowDelete: flag('allow-delete'),
    quotas: parseQuotas(raw.quota ?? []),
    retention: {
      lease: parseDuration('gc-lease', text('gc-lease', '1h')),
      uploads: parseDuration('keep-uploads', text('keep-uploads', '24h')),
      untagged: untagged === 'always' ? undefined : parseDuration('keep-untagged', untagged),
    },
    collectEvery: every === 'never' ? undefined : parseDuration('gc-interval', every),
    webhooks: parseWebhooks(raw.webhook ?? []),
    logLevel,
  };
}

const SIZES: Record<string, number> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

export function parseBytes(key: string, value: unknown): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(String(value));
  if (!match) throw invalid(`--${key} ${String(value)} is not a size`, 'Write 500MiB, 20GiB or a number of bytes.');
  return Math.floor(Number(match[1]) * (SIZES[(match[2] ?? '').toLowerCase()] ?? 1));
}

/** Flags write `20GiB`, `repository=5GiB`, `team/=50GiB`, `team/app=2GiB`; the file may also hold an object with the same names and `total`. */
function parseQuotas(value: unknown): Quotas {
  const pairs = Array.isArray(value)
    ? value.map((text) => {
        const at = String(text).lastIndexOf('=');
        return [at < 0 ? 'total' : String(text).slice(0, at), String(text).slice(at + 1)];
      })
    : typeof value === 'object' && value !== null
      ? Object.entries(value)
      : [['total', value]];
  const limits = Object.fromEntries(pairs.map(([name, size]) => [name, parseBytes('quota', size)])) as Record<string, number>;
  const { total, repository, ...named } = limits;
  return { ...(total === undefined ? {} : { total }), ...(repository === undefined ? {} : { repository }), named };
}

/** A flag gives an URL; the file also `{ "url", "secret" | "secret-file", "actions" }`. */
function parseWebhooks(value: unknown): WebhookTarget[] {
  const list = Array.isArray(value) ? value : [value];
  return list.map((entry: unknown) => {
    const given = typeof entry === 'string' ? { url: entry } : (entry as Record<string, unknown>);
    const { url, secret, actions, ...rest } = { secret: undefined, actions: undefined, ...given } as Record<string, unknown>;
    const unknown = Object.keys(rest).find((key) => key !== 'secret-file');
    if (unknown) throw invalid(`a webhook has a key that is not known: ${unknown}`);
    if (typeof url !== 'string' || !/^https?:\/\/[^/]/.test(url) || !URL.canParse(url))
      throw invalid(`the webhook ${String(url)} is not an http(s) URL`);
    if (actions !== undefined && !(Array.isArray(actions) && actions.every((one) => one === 'push' || one === 'delete')))
      throw invalid('actions of a webhook are "push" and "delete"');
    const file = rest['secret-file'];
    const key = typeof file === 'string' ? readFileSync(file, 'utf8').trim() : secret;
    return {
      url,
      ...(key === undefined ? {} : { secret: String(key) }),
      ...(actions === undefined ? {} : { actions: actions as ('push' | 'delete')[] }),
    };
  });
}
