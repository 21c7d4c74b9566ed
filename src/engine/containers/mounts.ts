import { closeSync, readlinkSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { errnoOf, GantryError, invalid } from '../../base/index.ts';
import { O_PATH, openInRoot } from '../../host/index.ts';
import type { BindMount, ContainerRecord, MountSpec, ResolvedMount, TmpfsMount, VolumeMount } from '../../model/index.ts';
import type { EngineParts } from '../parts.ts';

/** Every mount the container asks for, with its source made and found, outermost target first. */
export async function resolveMounts(parts: EngineParts, record: ContainerRecord): Promise<ResolvedMount[]> {
  const resolved: ResolvedMount[] = [];
  for (const mount of record.spec.mounts) resolved.push(await resolveMount(parts, mount));
  return resolved.sort((a, b) => depth(a.target) - depth(b.target));
}

/** The files that the engine writes for a container, unless the user put something there. */
export function fileMounts(record: ContainerRecord, files: { resolver: string; hostname: string; hosts: string }): ResolvedMount[] {
  const taken = new Set(record.spec.mounts.map((m) => m.target));
  const options = ['rbind', 'rprivate', ...(record.spec.readOnlyRoot ? ['ro'] : [])];
  return (
    [
      [files.resolver, '/etc/resolv.conf'],
      [files.hostname, '/etc/hostname'],
      [files.hosts, '/etc/hosts'],
    ] as const
  )
    .filter(([, target]) => !taken.has(target))
    .map(([source, target]) => ({ type: 'bind', source, target, options }));
}

async function resolveMount(parts: EngineParts, mount: MountSpec): Promise<ResolvedMount> {
  if (mount.type === 'bind') return resolveBind(mount);
  if (mount.type === 'volume') return await resolveVolume(parts, mount);
  return resolveTmpfs(mount);
}

async function resolveBind(mount: BindMount): Promise<ResolvedMount> {
  const found = await stat(mount.source).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new GantryError('invalid', `invalid mount config for type "bind": cannot use source path ${mount.source}: ${error.message}`, {
      cause: error,
    });
  });
  if (!found && !mount.createSource) {
    throw invalid(`invalid mount config for type "bind": bind source path does not exist: ${mount.source}`);
  }
  if (!found) await mkdir(mount.source, { recursive: true, mode: 0o755 });
  const flags = [mount.recursive ? 'rbind' : 'bind', mount.propagation];
  if (mount.readOnly) flags.push('ro', ...(mount.readOnlyForceRecursive ? ['rro'] : []));
  return { type: 'bind', source: mount.source, target: mount.target, options: flags };
}

async function resolveVolume(parts: EngineParts, mount: VolumeMount): Promise<ResolvedMount> {
  const base = await parts.volumes.mount(mount.source);
  const source = mount.subpath ? subpath(base, mount) : base;
  return { type: 'bind', source, target: mount.target, options: ['rbind', 'rprivate', ...(mount.readOnly ? ['ro'] : [])] };
}

/** A subpath is resolved inside the volume: links in it never lead out. */
function subpath(base: string, mount: VolumeMount): string {
  const path = mount.subpath ?? '';
  if (path.startsWith('/') || path.split('/').includes('..'))
    throw invalid(`invalid mount config: volume-subpath ${path} must be a relative path without ".."`);
  const descriptor = openInside(base, path, mount.source);
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } finally {
    closeSync(descriptor);
  }
}

/** Held by its place alone (O_PATH), be it a directory or a file. */
function openInside(base: string, path: string, volume: string): number {
  try {
    return openInRoot(base, path, O_PATH);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENOTDIR') throw error;
    throw new GantryError('invalid', `cannot access path ${path} of volume ${volume}: no such file or directory`, { cause: error });
  }
}

function resolveTmpfs(mount: TmpfsMount): ResolvedMount {
  const options = ['nosuid', 'nodev', 'noexec', ...mount.options].filter((o) => !mount.options.includes(opposite(o)));
  if (mount.size > 0) options.push(`size=${mount.size}`);
  if (!options.some((o) => o.startsWith('mode='))) options.push(`mode=${mount.mode.toString(8)}`);
  if (mount.readOnly) options.push('ro');
  return { type: 'tmpfs', source: 'tmpfs', target: mount.target, options: [...new Set(options)] };
}

function opposite(option: string): string {
  return option.startsWith('no') ? option.slice(2) : `no${option}`;
}

function depth(target: string): number {
  return target === '/' ? 0 : target.split('/').length;
}
