import { invalid } from '../../base/index.ts';
import type { NamespaceMode } from '../../model/index.ts';
import type { CreateRequest } from '../runtime.ts';
import type { OciNamespace } from './oci.ts';

/** The namespaces of a container: new ones, joined ones by path, and none where the host's is shared. */
export function buildNamespaces(request: CreateRequest): OciNamespace[] {
  const { spec, joinPids } = request;
  return [
    { type: 'mount' },
    ...(request.networkNamespace === undefined ? [] : [{ type: 'network' as const, path: request.networkNamespace }]),
    ...choose('pid', 'pid', spec.pidMode, joinPids.pid),
    ...choose('ipc', 'ipc', spec.ipcMode, joinPids.ipc),
    ...choose('uts', 'uts', spec.utsMode, joinPids.uts),
    ...choose('cgroup', 'cgroup', spec.cgroupNamespaceMode, undefined),
  ];
}

function choose(type: 'pid' | 'ipc' | 'uts' | 'cgroup', file: string, mode: NamespaceMode, join: number | undefined): OciNamespace[] {
  if (mode.kind === 'host') return [];
  if (mode.kind !== 'container') return [{ type }];
  if (join === undefined) throw invalid(`cannot join the ${type} namespace of container ${mode.id}: it is not running`);
  return [{ type, path: `/proc/${join}/ns/${file}` }];
}

/** Which of the namespaces that sysctls live in are the container's own (or another container's). */
export function ownedNamespaces(namespaces: readonly OciNamespace[]): { network: boolean; ipc: boolean; uts: boolean } {
  const has = (type: string) => namespaces.some((namespace) => namespace.type === type);
  return { network: has('network'), ipc: has('ipc'), uts: has('uts') };
}
