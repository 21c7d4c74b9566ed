import { invalid, unsupported } from '../../../base/index.ts';
import type { BuildRequest, ContextSource, DockerfileSource } from '../../../build/index.ts';
import { type NetworkMode, ULIMIT_NAMES, type Ulimit } from '../../../model/index.ts';
import { UPLOAD_HOST } from '../session/session-client.ts';

/** What the options of a build come to; whom it is for is added by the caller. */
export type DecodedOptions = Omit<BuildRequest, 'client' | 'observe' | 'inlineCache' | 'entitlements'>;

/** What options refer to besides themselves. */
export interface Surroundings {
  /** Key under which files of this session's directories are kept from build to build. */
  sharedKey: string;
  /** The tar at a path of the client's upload. */
  upload: (path: string) => Extract<ContextSource, { kind: 'tar' }>['stream'];
  /** The context behind an input of the request: the result of another build. */
  input: (name: string) => ContextSource;
}

export type Options = Readonly<Record<string, string>>;

const SHM_SIZE = 64 * 1024 * 1024;

/** Options that say nothing about the image: what the client can, where its source tree stands. */
const WITHOUT_MEANING = new Set(['frontend.caps', 'requestid', 'cmdline', 'source', 'multi-platform', 'build-arg:BUILDKIT_INLINE_CACHE']);
const WITHOUT_MEANING_BELOW = ['vcs:', 'input-metadata:'];

const DECODED = new Set([
  ...['filename', 'dockerfilekey', 'contextkey', 'context', 'target', 'platform', 'no-cache', 'image-resolve-mode', 'force-network-mode'],
  ...['add-hosts', 'ulimit', 'shm-size', 'cgroup-parent', 'cache-imports', 'cache-from'],
]);
const DECODED_BELOW = ['build-arg:', 'label:', 'context:'];

/**
 * BuildKit's options of the Dockerfile front end as a build request. Fails with `invalid`, and with `unsupported` for an option that
 * is not known here: nothing is ignored in silence.
 */
export function decodeOptions(options: Options, around: Surroundings): DecodedOptions {
  refuseUnknown(options);
  const context = mainContext(options, around);
  return {
    dockerfile: dockerfileOf(options, context),
    context,
    namedContexts: namedContexts(options, around),
    ...optional('target', options.target),
    buildArguments: below(options, 'build-arg:', (name) => name !== 'BUILDKIT_INLINE_CACHE'),
    labels: below(options, 'label:'),
    ...optional('platform', platformOf(options.platform)),
    noCache: options['no-cache'] === undefined ? false : options['no-cache'] === '' ? true : listOf(options['no-cache']),
    pull: pullOf(options['image-resolve-mode']),
    network: networkOf(options['force-network-mode']),
    extraHosts: extraHosts(options['add-hosts']),
    resources: {},
    ulimits: ulimits(options.ulimit),
    shmSize: shmSize(options['shm-size']),
    ...optional('cgroupParent', options['cgroup-parent']),
    cacheFrom: cacheFrom(options),
  };
}

function optional<K extends string>(key: K, value: string | undefined): { [key in K]?: string } {
  return value === undefined || value === '' ? {} : ({ [key]: value } as { [key in K]: string });
}

function refuseUnknown(options: Options): void {
  for (const key of Object.keys(options)) {
    if (DECODED.has(key) || WITHOUT_MEANING.has(key)) continue;
    if ([...DECODED_BELOW, ...WITHOUT_MEANING_BELOW].some((prefix) => key.startsWith(prefix))) continue;
    if (key.startsWith('attest:')) throw unsupported(`attestations are not supported (${key.slice('attest:'.length)})`);
    throw unsupported(`the build option ${key}=${options[key]} is not supported`);
  }
}

function below(options: Options, prefix: string, wanted: (name: string) => boolean = () => true): Record<string, string> {
  const found = Object.entries(options).filter(([key]) => key.startsWith(prefix) && wanted(key.slice(prefix.length)));
  return Object.fromEntries(found.map(([key, value]) => [key.slice(prefix.length), value]));
}

const listOf = (text: string) => text.split(',').filter((part) => part !== '');

function directory(name: string, around: Surroundings): ContextSource {
  return { kind: 'client', directory: name, sharedKey: around.sharedKey === '' ? '' : `${around.sharedKey}/${name}` };
}

function mainContext(options: Options, around: Surroundings): ContextSource {
  const text = options.context;
  if (text === undefined) return directory(options.contextkey ?? 'context', around);
  const upload = new RegExp(`^https?://${UPLOAD_HOST}(/.*)$`).exec(text)?.[1];
  if (upload !== undefined) return { kind: 'tar', stream: around.upload(upload) };
  return contextOf('context', text, around);
}

/** Where the Dockerfile is: beside the context unless the context came from elsewhere. */
function dockerfileOf(options: Options, context: ContextSource): DockerfileSource {
  const path = options.filename ?? 'Dockerfile';
  const served = options.dockerfilekey ?? (context.kind === 'client' ? 'dockerfile' : undefined);
  return served === undefined ? { kind: 'context', path } : { kind: 'client', directory: served, path };
}

function namedContexts(options: Options, around: Surroundings): Record<string, ContextSource> {
  const named = Object.entries(below(options, 'context:'));
  return Object.fromEntries(named.map(([name, text]) => [name.replace(/::.*$/, ''), contextOf(name, text, around)]));
}

function contextOf(name: string, text: string, around: Surroundings): ContextSource {
  const [, scheme = '', rest = ''] = /^([a-z-]+):(.*)$/s.exec(text) ?? [];
  if (scheme === 'local') return directory(rest, around);
  if (scheme === 'input') return around.input(rest);
  if (scheme === 'docker-image') return { kind: 'image', reference: rest.replace(/^\/\//, '') };
  if (['https', 'http', 'git', 'ssh'].includes(scheme) || /^(git@|github\.com\/)/.test(text)) return { kind: 'remote', url: text };
  throw unsupported(`the context ${name}=${text} is of a kind that is not supported`);
}

function platformOf(text: string | undefined): string | undefined {
  if (text?.includes(',')) throw unsupported(`building for several platforms at once is not supported: ${text}`);
  return text;
}

function pullOf(mode: string | undefined): boolean {
  if (mode === undefined || mode === '' || mode === 'local' || mode === 'default' || mode === 'preferLocal') return false;
  if (mode === 'pull') return true;
  throw invalid(`invalid image-resolve-mode: ${mode}`);
}

function networkOf(mode: string | undefined): NetworkMode {
  if (mode === undefined || mode === '' || mode === 'default' || mode === 'sandbox' || mode === 'bridge') return { kind: 'bridge' };
  if (mode === 'host' || mode === 'none') return { kind: mode };
  throw unsupported(`network mode "${mode}" is not supported by builds`, 'use default, host or none');
}

/** `name=address,…`; an address may be in brackets. */
function extraHosts(text = ''): string[] {
  return listOf(text).map((entry) => {
    const [, name, address] = /^([^=]+)=\[?([^\]]+)\]?$/.exec(entry) ?? [];
    if (name === undefined) throw invalid(`invalid host in add-hosts: ${entry}`);
    return `${name}:${address}`;
  });
}

/** `name=soft[:hard],…`. */
function ulimits(text = ''): Ulimit[] {
  return listOf(text).map((entry) => {
    const [, name = '', soft, hard] = /^(\w+)=(-?\d{1,15})(?::(-?\d{1,15}))?$/.exec(entry) ?? [];
    if (!ULIMIT_NAMES.includes(name)) throw invalid(`invalid ulimit: ${entry}`);
    return { name, soft: Number(soft), hard: Number(hard ?? soft) };
  });
}

function shmSize(text: string | undefined): number {
  if (text === undefined || text === '' || text === '0') return SHM_SIZE;
  if (!/^\d{1,15}$/.test(text)) throw invalid(`invalid shm-size: ${text}`);
  return Number(text);
}

function cacheFrom(options: Options): string[] {
  const old = listOf(options['cache-from'] ?? '');
  if (options['cache-imports'] === undefined) return old;
  let imports: unknown;
  try {
    imports = JSON.parse(options['cache-imports']);
  } catch {
    throw invalid('invalid cache-imports: it is not JSON');
  }
  if (!Array.isArray(imports)) throw invalid('invalid cache-imports: it is not a list');
  return [...old, ...imports.map(importOf)];
}

function importOf(entry: unknown): string {
  const { Type: type, Attrs: attributes } = (entry ?? {}) as { Type?: unknown; Attrs?: { ref?: unknown } };
  if (type !== 'registry') throw unsupported(`importing a cache of type ${String(type)} is not supported`, 'use type=registry');
  if (typeof attributes?.ref !== 'string') throw invalid('invalid cache-imports: a cache of type registry needs a ref');
  return attributes.ref;
}
