import type { ResolvedMount } from '../../model/index.ts';
import type { CreateRequest } from '../runtime.ts';
import type { OciMount } from './oci.ts';

export interface MountFacts {
  /** What makes up /sys/fs/cgroup, in order; on v2 one mount of type cgroup. */
  cgroupMounts: readonly ResolvedMount[];
  /** Path on the host of the init program; needed when the container asks for one. */
  initPath: string | undefined;
}

export const INIT_TARGET = '/sbin/docker-init';

/** The mounts of a container: the standard ones that no asked mount covers, then the asked ones in their order. */
export function buildMounts(request: CreateRequest, facts: MountFacts): OciMount[] {
  const asked = request.mounts.map(toOciMount);
  const kept = standardMounts(request, facts).filter((mount) => !asked.some((other) => covers(other.destination, mount.destination)));
  const init: OciMount[] =
    usesInit(request) && facts.initPath
      ? [{ destination: INIT_TARGET, type: 'bind', source: facts.initPath, options: ['bind', 'ro'] }]
      : [];
  return [...kept, ...init, ...asked];
}

/** An init makes sense only where the container has its own process 1. */
export function usesInit(request: CreateRequest): boolean {
  return request.spec.init && !['host', 'container'].includes(request.spec.pidMode.kind);
}

function covers(target: string, destination: string): boolean {
  return (
    destination === target ||
    (target === '/dev' && destination.startsWith('/dev/')) ||
    (target === '/sys/fs/cgroup' && destination.startsWith('/sys/fs/cgroup/')) ||
    (target === '/sys' && destination.startsWith('/sys/'))
  );
}

function toOciMount(mount: ResolvedMount): OciMount {
  return { destination: mount.target, type: mount.type, source: mount.source, options: mount.options };
}

function standardMounts(request: CreateRequest, facts: MountFacts): OciMount[] {
  const { spec } = request;
  const access = spec.privileged ? 'rw' : 'ro';
  const mounts: OciMount[] = [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', access] },
    ...facts.cgroupMounts.map((mount) => writableIf(spec.privileged, toOciMount(mount))),
    // In a shared ipc namespace this shows the queues that are shared.
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
  ];
  const shm = sharedMemoryMount(request);
  return shm ? [...mounts, shm] : mounts;
}

/** A privileged container may write to its cgroups. */
function writableIf(privileged: boolean, mount: OciMount): OciMount {
  return privileged ? { ...mount, options: mount.options.map((option) => (option === 'ro' ? 'rw' : option)) } : mount;
}

function sharedMemoryMount(request: CreateRequest): OciMount | undefined {
  const { spec, sharedMemory } = request;
  const destination = '/dev/shm';
  if (spec.ipcMode.kind === 'none') return undefined;
  const source = sharedMemory ?? (spec.ipcMode.kind === 'host' ? '/dev/shm' : undefined);
  if (source !== undefined) return { destination, type: 'bind', source, options: ['rbind', 'nosuid', 'noexec', 'nodev'] };
  return { destination, type: 'tmpfs', source: 'shm', options: ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${spec.shmSize}`] };
}

/** How mounts of the host may reach the container later: the widest that any of its mounts asks for. */
export function rootPropagation(mounts: readonly ResolvedMount[]): string | undefined {
  const asked = new Set(mounts.flatMap((mount) => mount.options));
  if (asked.has('shared') || asked.has('rshared')) return 'rshared';
  if (asked.has('slave') || asked.has('rslave')) return 'rslave';
  return undefined;
}
