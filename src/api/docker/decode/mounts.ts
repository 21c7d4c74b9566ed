import { invalid, unsupported } from '../../../base/index.ts';
import {
  type BindMount,
  type ImageMount,
  type MountSpec,
  PROPAGATIONS,
  type Propagation,
  type TmpfsMount,
  type VolumeMount,
} from '../../../model/index.ts';
import { decodeBind, decodeTmpfs, isTmpfsOption, normalize } from './binds.ts';
import type { Fields } from './fields.ts';

/** Binds, Mounts, Tmpfs and Volumes, in the order in which they win a target. Two for one target are refused. */
export function decodeMounts(config: Fields, host: Fields): MountSpec[] {
  const mounts: MountSpec[] = [];
  const taken = new Set<string>();
  const add = (mount: MountSpec) => {
    if (taken.has(mount.target)) throw invalid(`Duplicate mount point: ${mount.target}`);
    taken.add(mount.target);
    mounts.push(mount);
  };
  for (const text of host.strings('Binds') ?? []) add(decodeBind(text));
  for (const entry of host.objects('Mounts')) add(decodeMount(entry));
  for (const [path, options] of Object.entries(host.stringMap('Tmpfs'))) add(decodeTmpfs(path, options));
  for (const [path] of config.entries('Volumes')) {
    // `-v source:/path` of old clients names the path here too.
    const mount = decodeBind(path);
    if (!taken.has(mount.target)) add(mount);
  }
  const driver = host.string('VolumeDriver');
  if (driver === '' || driver === 'local') return mounts;
  throw unsupported(`HostConfig.VolumeDriver '${driver}' is not supported: only 'local' is there`);
}

/** `container[:ro|rw]`. */
export function decodeVolumesFrom(host: Fields): { container: string; readOnly: boolean }[] {
  return (host.strings('VolumesFrom') ?? []).map((text) => {
    const [container = '', mode = 'rw', ...rest] = text.split(':');
    const words = mode.split(',');
    if (container === '' || rest.length > 0 || words.some((word) => !/^(ro|rw|z|Z)$/.test(word)))
      throw invalid(`invalid volumes-from specification: '${text}'`);
    return { container, readOnly: words.includes('ro') };
  });
}

function decodeMount(entry: Fields): MountSpec {
  const type = entry.string('Type');
  const target = entry.string('Target');
  if (target === '') throw invalid(`invalid mount config for type "${type}": field Target must not be empty`);
  if (!target.startsWith('/'))
    throw invalid(`invalid mount config for type "${type}": invalid mount path: '${target}' mount path must be absolute`);
  if (normalize(target) === '/') throw invalid(`invalid mount config for type "${type}": invalid specification: destination can't be '/'`);
  refuseForeignOptions(entry, type);
  switch (type) {
    case 'bind':
      return decodeBindMount(entry, normalize(target));
    case 'volume':
      return decodeVolumeMount(entry, normalize(target));
    case 'tmpfs':
      return decodeTmpfsMount(entry, normalize(target));
    case 'image':
      return decodeImageMount(entry, normalize(target));
    case 'npipe':
    case 'cluster':
      throw unsupported(`${entry.path}: mounts of type '${type}' are not supported`);
    default:
      throw invalid(`invalid mount config for type "${type}": mount type unknown`);
  }
}

function refuseForeignOptions(entry: Fields, type: string): void {
  const owners = {
    BindOptions: 'bind',
    VolumeOptions: 'volume',
    TmpfsOptions: 'tmpfs',
    ImageOptions: 'image',
    ClusterOptions: 'cluster',
  } as const;
  for (const [field, owner] of Object.entries(owners)) {
    if (owner !== type && entry.object(field))
      throw invalid(`invalid mount config for type "${type}": field ${field} must not be specified`);
  }
}

function decodeBindMount(entry: Fields, target: string): BindMount {
  const source = entry.string('Source');
  if (source === '') throw invalid('invalid mount config for type "bind": field Source must not be empty');
  if (!source.startsWith('/'))
    throw invalid(`invalid mount config for type "bind": invalid mount path: '${source}' mount path must be absolute`);
  const options = entry.object('BindOptions');
  const propagation = options?.string('Propagation') || 'rprivate';
  if (!(PROPAGATIONS as readonly string[]).includes(propagation))
    throw invalid(`invalid mount config for type "bind": invalid propagation mode: ${propagation}`);
  const nonRecursive = options?.boolean('ReadOnlyNonRecursive') ?? false;
  const forceRecursive = options?.boolean('ReadOnlyForceRecursive') ?? false;
  if (nonRecursive && forceRecursive)
    throw invalid('invalid mount config for type "bind": ReadOnlyNonRecursive and ReadOnlyForceRecursive cannot be used together');
  if (forceRecursive && propagation !== 'rprivate')
    throw invalid(
      'invalid mount config for type "bind": ReadOnlyForceRecursive needs the propagation rprivate',
      'Add bind-propagation=rprivate.',
    );
  return {
    type: 'bind',
    source: normalize(source),
    target,
    readOnly: entry.boolean('ReadOnly'),
    recursive: !(options?.boolean('NonRecursive') ?? false),
    propagation: propagation as Propagation,
    createSource: options?.boolean('CreateMountpoint') ?? false,
    // Read-only is recursive unless told otherwise, so that to force it adds nothing.
    ...(nonRecursive ? { readOnlyNonRecursive: true } : {}),
  };
}

function decodeVolumeMount(entry: Fields, target: string): VolumeMount {
  const source = entry.string('Source');
  const options = entry.object('VolumeOptions');
  const driver = options?.object('DriverConfig');
  const name = driver?.string('Name') ?? '';
  if (name !== '' && name !== 'local')
    throw unsupported(`${entry.path}.VolumeOptions.DriverConfig.Name '${name}' is not supported: only 'local' is there`);
  const driverOptions = driver?.stringMap('Options') ?? {};
  const labels = options?.stringMap('Labels') ?? {};
  const subpath = decodeSubpath(options, 'volume');
  if (subpath !== '' && source === '')
    throw invalid('invalid mount config for type "volume": must not set Subpath when using anonymous volumes');
  return {
    type: 'volume',
    source,
    target,
    readOnly: entry.boolean('ReadOnly'),
    anonymous: source === '',
    noCopy: options?.boolean('NoCopy') ?? false,
    ...(subpath ? { subpath } : {}),
    ...(name ? { driver: name } : {}),
    ...(Object.keys(driverOptions).length > 0 ? { driverOptions } : {}),
    ...(Object.keys(labels).length > 0 ? { labels } : {}),
  };
}

/** Read-only, asked for or not. */
function decodeImageMount(entry: Fields, target: string): ImageMount {
  const source = entry.string('Source');
  if (source === '') throw invalid('invalid mount config for type "image": field Source must not be empty');
  const subpath = decodeSubpath(entry.object('ImageOptions'), 'image');
  return { type: 'image', source, imageId: '', target, readOnly: true, ...(subpath ? { subpath } : {}) };
}

function decodeSubpath(options: Fields | undefined, type: string): string {
  const subpath = options?.string('Subpath') ?? '';
  if (subpath.startsWith('/') || subpath.split('/').includes('..'))
    throw invalid(`invalid mount config for type "${type}": subpath ${subpath} must be a relative path within the ${type}`);
  return subpath;
}

function decodeTmpfsMount(entry: Fields, target: string): TmpfsMount {
  if (entry.string('Source') !== '') throw invalid('invalid mount config for type "tmpfs": field Source must not be specified');
  const options = entry.object('TmpfsOptions');
  const size = options?.integer('SizeBytes') ?? 0;
  if (size < 0) throw invalid(`invalid mount config for type "tmpfs": SizeBytes ${size} is negative`);
  return {
    type: 'tmpfs',
    target,
    readOnly: entry.boolean('ReadOnly'),
    size,
    mode: options?.integer('Mode') || 0o1777,
    options: decodeTmpfsOptions(entry, options?.raw('Options')),
  };
}

/** `[["noexec"], ["uid", "5"]]` (API 1.46). */
function decodeTmpfsOptions(entry: Fields, value: unknown): string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw invalid(`invalid JSON: ${entry.path}.TmpfsOptions.Options must be a list of lists`);
  return value.map((pair: unknown) => {
    if (!Array.isArray(pair) || pair.length < 1 || pair.length > 2 || pair.some((p) => typeof p !== 'string')) {
      throw invalid(`invalid mount config for type "tmpfs": invalid option ${JSON.stringify(pair)}`);
    }
    if (!isTmpfsOption(pair[0] as string, pair[1] as string | undefined))
      throw invalid(`invalid mount config for type "tmpfs": invalid option ${JSON.stringify(pair)}`);
    return pair.join('=');
  });
}
