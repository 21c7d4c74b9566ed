import { stat } from 'node:fs/promises';
import { describe, errnoOf, GantryError, invalid } from '../../base/index.ts';
import { mkdirAllInRoot, mountRestrictions } from '../../host/index.ts';
import type { BindMount, ContainerRecord, MountSpec, ResolvedMount, TmpfsMount } from '../../model/index.ts';
import { checkPropagation } from './propagation.ts';
import type { MountSources, MountWithSource } from './sources.ts';

/** Every mount the container asks for, with its source made and found, outermost target first. */
export async function resolveMounts(sources: MountSources, record: ContainerRecord): Promise<ResolvedMount[]> {
  const resolved: ResolvedMount[] = [];
  for (const mount of record.spec.mounts) resolved.push(await resolveMount(sources, mount));
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

async function resolveMount(sources: MountSources, mount: MountSpec): Promise<ResolvedMount> {
  if (mount.type === 'tmpfs') return resolveTmpfs(mount);
  if (mount.type === 'bind') await findBindSource(mount);
  const source = await sources.find(mount);
  return { type: 'bind', source, target: mount.target, options: await bindOptions(mount, source) };
}

/** What is mounted below a read-only source is read-only too, as with Docker since 25. */
async function bindOptions(mount: MountWithSource, source: string): Promise<string[]> {
  const bind = mount.type === 'bind' ? mount : undefined;
  const options = [bind?.recursive === false ? 'bind' : 'rbind', bind?.propagation ?? 'rprivate'];
  if (mount.readOnly) options.push('ro');
  // Nothing is mounted below a file, and crun opens what it makes read-only recursively as a directory.
  if (mount.readOnly && bind?.recursive !== false && !bind?.readOnlyNonRecursive && (await stat(source)).isDirectory()) options.push('rro');
  // What the host forbids on the source stays forbidden: crun would allow all that is not named.
  const restrictions = await mountRestrictions(source);
  return [...new Set([...options, ...restrictions])];
}

async function findBindSource(mount: BindMount): Promise<void> {
  if (!(await bindSourceExists(mount))) makeBindSource(mount);
  await checkPropagation(mount);
}

/** Fails in Docker's words when a source is missing that nobody may make, or cannot be reached. */
export async function bindSourceExists(mount: BindMount): Promise<boolean> {
  try {
    await stat(mount.source);
    return true;
  } catch (error) {
    const missing = errnoOf(error) === 'ENOENT';
    if (missing && mount.createSource) return false;
    if (missing) throw invalid(`invalid mount config for type "bind": bind source path does not exist: ${mount.source}`);
    throw new GantryError('invalid', `invalid mount config for type "bind": cannot use source path ${mount.source}: ${describe(error)}`, {
      cause: error,
    });
  }
}

/** One directory at a time: Node's own way never ends where the kernel makes none, as below /proc. */
function makeBindSource(mount: BindMount): void {
  try {
    mkdirAllInRoot('/', mount.source, { mode: 0o755 });
  } catch (error) {
    throw new GantryError('invalid', `error while creating mount source path '${mount.source}': ${describe(error)}`, { cause: error });
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
