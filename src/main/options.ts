import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import { describe, invalid, LOG_LEVELS, type LogLevel } from '../base/index.ts';
import { type DiskLimit, parseDiskLimit } from '../disk/index.ts';
import { EXPOSURES, type Exposure } from '../model/index.ts';
import type { NameDefaults } from '../network/index.ts';
import { type AccessFlags, parseAccess } from './registry/access-options.ts';

/** What the operator asked of the daemon: dockerd's flags and daemon.json keys, under their names. */
export interface DaemonOptions {
  hosts: string[];
  dataRoot: string;
  execRoot: string;
  pidfile: string | undefined;
  /** host:port where figures for Prometheus are served; undefined: nowhere. */
  metricsAddress: string | undefined;
  bip: string | undefined;
  defaultAddressPools: { base: string; size: number }[];
  mtu: number | undefined;
  /** Who may use published ports of containers that say nothing of it. */
  expose: Exposure;
  /** Address of the host for ports that are published without one; undefined: all of them. */
  ip: string | undefined;
  /** What containers get that ask for no name servers, search domains or options of the resolver of their own. */
  names: NameDefaults;
  /** What `host-gateway` means in extra hosts; undefined: the address of the default bridge. */
  hostGateway: string | undefined;
  /** Whether the daemon relays what the kernel cannot: published ports of IPv6 to containers without it. */
  relay: boolean;
  insecureRegistries: string[];
  registryMirrors: string[];
  logLevel: LogLevel;
  labels: string[];
  defaultRuntime: string;
  runtimes: Record<string, { path: string; args: string[] }>;
  cgroupParent: string;
  group: string;
  tls: { verify: boolean; ca: string; certificate: string; key: string } | undefined;
  /** `--tls=false` said by name: tcp on loopback without TLS is wanted. */
  plainTcp: boolean;
  /** host:port where the engine's own images are served to other hosts, read-only; undefined: nowhere. */
  registry: string | undefined;
  /** What the data root may take; undefined: all that there is. */
  diskLimit: DiskLimit | undefined;
  /** Folder with advisory data; `advisories` in the data root when undefined. */
  advisories: string | undefined;
  /** File with a scan policy. */
  scanPolicy: string | undefined;
  /** File with a trust policy. */
  trustPolicy: string | undefined;
  registryTls: { certificate: string; key: string } | undefined;
  /** Plain HTTP on other addresses than loopback is wanted. */
  registryInsecure: boolean;
  registryAccess: AccessFlags;
  /** Options new containers get for their log unless they name some. */
  logOptions: Record<string, string>;
}

const FLAGS = {
  host: { type: 'string', short: 'H', multiple: true },
  'data-root': { type: 'string' },
  'exec-root': { type: 'string' },
  'disk-budget': { type: 'string' },
  pidfile: { type: 'string', short: 'p' },
  'metrics-addr': { type: 'string' },
  'config-file': { type: 'string' },
  bip: { type: 'string' },
  'default-address-pool': { type: 'string', multiple: true },
  mtu: { type: 'string' },
  expose: { type: 'string' },
  ip: { type: 'string' },
  dns: { type: 'string', multiple: true },
  'dns-opt': { type: 'string', multiple: true },
  'dns-search': { type: 'string', multiple: true },
  'host-gateway-ip': { type: 'string' },
  'userland-proxy': { type: 'string' },
  'insecure-registry': { type: 'string', multiple: true },
  'registry-mirror': { type: 'string', multiple: true },
  advisories: { type: 'string' },
  'scan-policy': { type: 'string' },
  'trust-policy': { type: 'string' },
  registry: { type: 'string' },
  'registry-tls-cert': { type: 'string' },
  'registry-tls-key': { type: 'string' },
  'registry-insecure': { type: 'boolean' },
  'registry-auth': { type: 'string' },
  'registry-token-life': { type: 'string' },
  'registry-public-url': { type: 'string' },
  'log-level': { type: 'string', short: 'l' },
  'log-opt': { type: 'string', multiple: true },
  label: { type: 'string', multiple: true },
  'default-runtime': { type: 'string' },
  'add-runtime': { type: 'string', multiple: true },
  'cgroup-parent': { type: 'string' },
  group: { type: 'string', short: 'G' },
  debug: { type: 'boolean', short: 'D' },
  tls: { type: 'string' },
  tlsverify: { type: 'boolean' },
  tlscacert: { type: 'string' },
  tlscert: { type: 'string' },
  tlskey: { type: 'string' },
  version: { type: 'boolean', short: 'v' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** daemon.json's plural or nested keys, and the flags they stand for. */
const FILE_KEYS: Record<string, keyof typeof FLAGS> = {
  hosts: 'host',
  'data-root': 'data-root',
  'exec-root': 'exec-root',
  'disk-budget': 'disk-budget',
  pidfile: 'pidfile',
  'metrics-addr': 'metrics-addr',
  bip: 'bip',
  'default-address-pools': 'default-address-pool',
  mtu: 'mtu',
  expose: 'expose',
  ip: 'ip',
  dns: 'dns',
  'dns-opts': 'dns-opt',
  'dns-search': 'dns-search',
  'host-gateway-ip': 'host-gateway-ip',
  'userland-proxy': 'userland-proxy',
  'insecure-registries': 'insecure-registry',
  'registry-mirrors': 'registry-mirror',
  advisories: 'advisories',
  'scan-policy': 'scan-policy',
  'trust-policy': 'trust-policy',
  registry: 'registry',
  'registry-tls-cert': 'registry-tls-cert',
  'registry-tls-key': 'registry-tls-key',
  'registry-insecure': 'registry-insecure',
  'registry-auth': 'registry-auth',
  'registry-token-life': 'registry-token-life',
  'registry-public-url': 'registry-public-url',
  'log-level': 'log-level',
  'log-opts': 'log-opt',
  labels: 'label',
  'default-runtime': 'default-runtime',
  runtimes: 'add-runtime',
  'cgroup-parent': 'cgroup-parent',
  group: 'group',
  debug: 'debug',
  tls: 'tls',
  tlsverify: 'tlsverify',
  tlscacert: 'tlscacert',
  tlscert: 'tlscert',
  tlskey: 'tlskey',
};

type Raw = { -readonly [K in keyof typeof FLAGS]?: string | string[] | boolean };

export type ParsedCommandLine = { kind: 'run'; options: DaemonOptions } | { kind: 'help' } | { kind: 'version' };

/** Reads flags and the configuration file. A key given in both places is refused by name, as dockerd does. */
export function parseDaemonOptions(argv: readonly string[], readFile = (path: string) => readFileSync(path, 'utf8')): ParsedCommandLine {
  const flags = parseFlags(argv);
  if (flags.help) return { kind: 'help' };
  if (flags.version) return { kind: 'version' };
  const path = (flags['config-file'] as string | undefined) ?? '/etc/gantry/daemon.json';
  const file = parseFile(path, flags['config-file'] !== undefined, readFile);
  for (const key of Object.keys(file) as (keyof Raw)[]) {
    if (flags[key] !== undefined) throw invalid(`the option "${key}" is given both as a flag and in ${path}`, 'Keep one of the two.');
  }
  return { kind: 'run', options: resolve({ ...file, ...flags }) };
}

function parseFlags(argv: readonly string[]): Raw {
  const args = argv.map((a) => (a === '--tls' || a === '--userland-proxy' ? `${a}=true` : a));
  try {
    return parseArgs({ args, options: FLAGS, allowPositionals: false, strict: true }).values as Raw;
  } catch (error) {
    throw invalid(describe(error).split('. To specify')[0] ?? '', "See 'gantryd --help'.");
  }
}

function parseFile(path: string, required: boolean, readFile: (path: string) => string): Raw {
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    if (!required && (error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw invalid(`cannot read the configuration file ${path}: ${describe(error)}`);
  }
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw invalid(`the configuration file ${path} is not JSON: ${describe(error)}`);
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw invalid(`the configuration file ${path} must hold a JSON object`);
  const raw: Raw = {};
  for (const [key, value] of Object.entries(document)) {
    const flag = FILE_KEYS[key];
    if (!flag) throw invalid(`the configuration file ${path} has a key that is not known: ${key}`);
    raw[flag] = fileValue(flag, value, path);
  }
  return raw;
}

function fileValue(flag: keyof typeof FLAGS, value: unknown, path: string): string | string[] | boolean {
  if (flag === 'default-address-pool' && Array.isArray(value))
    return value.map((p: { base: string; size: number }) => `base=${p.base},size=${p.size}`);
  if (flag === 'add-runtime' && typeof value === 'object' && value !== null) {
    return Object.entries(value as Record<string, { path: string; runtimeArgs?: string[] }>).map(([name, r]) =>
      [name, r.path, ...(r.runtimeArgs ?? [])].join('='),
    );
  }
  if (flag === 'log-opt' && typeof value === 'object' && value !== null)
    return Object.entries(value as Record<string, unknown>).map(([k, v]) => `${k}=${v}`);
  if (FLAGS[flag].type === 'boolean' && typeof value === 'boolean') return value;
  if ('multiple' in FLAGS[flag] && Array.isArray(value) && value.every((v) => typeof v === 'string')) return value as string[];
  if (!('multiple' in FLAGS[flag]) && ['string', 'number', 'boolean'].includes(typeof value)) return String(value);
  throw invalid(`the configuration file ${path} has a value of the wrong type for "${flag}"`);
}

function resolve(raw: Raw): DaemonOptions {
  const text = (key: keyof Raw) => raw[key] as string | undefined;
  const many = (key: keyof Raw) => (raw[key] as string[] | undefined) ?? [];
  const level = raw.debug ? 'debug' : (text('log-level') ?? 'info');
  if (!LOG_LEVELS.includes(level as LogLevel)) throw invalid(`--log-level ${level} is not known`, `Use one of ${LOG_LEVELS.join(', ')}.`);
  const mtu = text('mtu');
  if (mtu !== undefined && !(Number(mtu) >= 68 && Number(mtu) <= 65535)) throw invalid(`--mtu ${mtu} is not between 68 and 65535`);
  const hosts = many('host');
  const verify = raw.tlsverify === true;
  const tls = verify || text('tls') === 'true';
  const home = '/etc/gantry/tls';
  const options: DaemonOptions = {
    hosts: hosts.length > 0 ? hosts : ['unix:///run/gantry/gantry.sock'],
    dataRoot: text('data-root') ?? '/var/lib/gantry',
    execRoot: text('exec-root') ?? '/run/gantry',
    diskLimit: parseDiskLimit(text('disk-budget') ?? 'off'),
    pidfile: text('pidfile'),
    bip: text('bip'),
    defaultAddressPools: many('default-address-pool').map(parsePool),
    mtu: mtu === undefined || mtu === '0' ? undefined : Number(mtu),
    metricsAddress: parseMetricsAddress(text('metrics-addr')),
    expose: parseExposure(text('expose') ?? 'public'),
    ip: parseAddress(text('ip')),
    names: {
      dnsServers: many('dns').map((server) => requireAddress('--dns', server)),
      dnsSearch: many('dns-search'),
      dnsOptions: many('dns-opt'),
    },
    hostGateway: text('host-gateway-ip') === undefined ? undefined : requireAddress('--host-gateway-ip', text('host-gateway-ip') ?? ''),
    relay: parseSwitch('userland-proxy', text('userland-proxy')),
    insecureRegistries: many('insecure-registry'),
    registryMirrors: many('registry-mirror'),
    logLevel: level as LogLevel,
    labels: many('label'),
    defaultRuntime: text('default-runtime') ?? 'crun',
    runtimes: Object.fromEntries(many('add-runtime').map(parseRuntime)),
    cgroupParent: text('cgroup-parent') ?? '/gantry',
    group: text('group') ?? 'docker',
    tls: tls
      ? {
          verify,
          ca: text('tlscacert') ?? `${home}/ca.pem`,
          certificate: text('tlscert') ?? `${home}/cert.pem`,
          key: text('tlskey') ?? `${home}/key.pem`,
        }
      : undefined,
    plainTcp: text('tls') === 'false',
    advisories: text('advisories'),
    scanPolicy: text('scan-policy'),
    trustPolicy: text('trust-policy'),
    registry: text('registry'),
    registryTls: registryTls(text('registry-tls-cert'), text('registry-tls-key')),
    registryInsecure: raw['registry-insecure'] === true,
    registryAccess: parseAccess(
      text('registry-auth') ?? 'token',
      text('registry-token-life') ?? '5m',
      text('registry-public-url') ?? '',
      'registry-',
    ),
    logOptions: Object.fromEntries(many('log-opt').map((o) => splitOnce(o, '--log-opt'))),
  };
  const idle = Object.keys(raw).find(
    (key) => key.startsWith('registry-') && key !== 'registry-mirror' && raw[key as keyof Raw] !== undefined,
  );
  if (idle !== undefined && options.registry === undefined)
    throw invalid(`--${idle} is given without --registry: there is no registry to serve`, 'Add --registry ADDRESS:PORT, or leave it out.');
  for (const label of options.labels) splitOnce(label, '--label');
  for (const host of options.hosts) checkHost(host, options);
  for (const root of [options.dataRoot, options.execRoot]) if (!root.startsWith('/')) throw invalid(`${root} must be an absolute path`);
  return options;
}

function registryTls(certificate: string | undefined, key: string | undefined): { certificate: string; key: string } | undefined {
  if ((certificate === undefined) !== (key === undefined)) throw invalid('--registry-tls-cert and --registry-tls-key go together');
  return certificate === undefined || key === undefined ? undefined : { certificate, key };
}

/** Plain tcp gives root to whoever can connect: it needs mutual TLS, or loopback and the request by name. */
function checkHost(host: string, options: DaemonOptions): void {
  if (/^unix:\/\/\/./.test(host) || host.startsWith('/')) return;
  const tcp = /^tcp:\/\/(\[[0-9a-f:]+\]|[^:/]*):(\d+)$/i.exec(host);
  if (!tcp) throw invalid(`the address ${host} is not understood`, 'Use unix:///path or tcp://address:port.');
  if (options.tls?.verify) return;
  const loopback = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/.test(tcp[1] ?? '');
  if (loopback && options.plainTcp) return;
  throw invalid(
    `refusing to listen on ${host} without mutual TLS: whoever can connect would be root on this host`,
    loopback
      ? 'Add --tlsverify with --tlscacert, --tlscert and --tlskey, or say --tls=false to allow it on loopback.'
      : 'Add --tlsverify with --tlscacert, --tlscert and --tlskey.',
  );
}

function parseSwitch(name: string, text = 'true'): boolean {
  if (text !== 'true' && text !== 'false') throw invalid(`--${name} ${text} is neither true nor false`);
  return text === 'true';
}

function parseExposure(text: string): Exposure {
  if (!EXPOSURES.includes(text as Exposure)) throw invalid(`--expose ${text} is not known`, `Use one of ${EXPOSURES.join(', ')}.`);
  return text as Exposure;
}

function parseMetricsAddress(text: string | undefined): string | undefined {
  if (text !== undefined && !/^(\[[0-9a-f:]+\]|[^:/\s]*):\d{1,5}$/i.test(text))
    throw invalid(`--metrics-addr ${text} is not understood`, 'Write address:port, such as 127.0.0.1:9323.');
  return text;
}

function parseAddress(text: string | undefined): string | undefined {
  return text === undefined || requireAddress('--ip', text) === '0.0.0.0' ? undefined : text;
}

function requireAddress(flag: string, text: string): string {
  if (!isIP(text)) throw invalid(`${flag} ${text} is not an IP address`);
  return text;
}

function parsePool(text: string): { base: string; size: number } {
  const match = /^base=([0-9./]+),size=(\d{1,2})$/.exec(text);
  if (!match) throw invalid(`--default-address-pool ${text} is not understood`, 'Write base=10.10.0.0/16,size=24.');
  return { base: match[1] ?? '', size: Number(match[2]) };
}

function parseRuntime(text: string): [string, { path: string; args: string[] }] {
  const [name = '', path = '', ...args] = text.split('=');
  if (!name || !path) throw invalid(`--add-runtime ${text} is not understood`, 'Write NAME=/path/to/runtime.');
  return [name, { path, args }];
}

function splitOnce(text: string, flag: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw invalid(`${flag} ${text} is not understood`, 'Write KEY=VALUE.');
  return [text.slice(0, at), text.slice(at + 1)];
}
