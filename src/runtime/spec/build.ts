import { MASKED_PATHS, READONLY_PATHS } from '../../model/index.ts';
import type { CreateRequest } from '../runtime.ts';
import { buildMounts, INIT_TARGET, type MountFacts, rootPropagation, usesInit } from './mounts.ts';
import { buildNamespaces, ownedNamespaces } from './namespaces.ts';
import type { OciDevice, OciResources, OciSpec } from './oci.ts';
import { buildProcess, containerCapabilities, type ProcessFacts } from './process.ts';
import { resolveSeccomp, type SeccompProfile } from './seccomp.ts';
import { buildSysctls } from './sysctls.ts';

/** What the plan needs to know of the host and the image; gathered before, so that planning stays pure. */
export interface SpecFacts extends ProcessFacts, MountFacts {
  architecture: string;
  kernel: readonly [number, number];
  seccompProfile: SeccompProfile | undefined;
  /** Hidden besides those of every host. */
  thermalPaths: readonly string[];
  /** Device nodes to make: the asked ones, or all of the host's for a privileged container. */
  devices: readonly OciDevice[];
  /** Only for a runtime that manages the cgroup itself. */
  cgroupsPath?: string;
  resources?: OciResources;
}

/** The complete runtime configuration of a container, with Docker's defaults in every field. Errors: `invalid` naming the option. */
export function buildOciSpec(request: CreateRequest, facts: SpecFacts): OciSpec {
  const { spec } = request;
  const namespaces = buildNamespaces(request);
  const capabilities = new Set(containerCapabilities(spec, spec.privileged, facts));
  const unconfined = spec.privileged && spec.seccomp.kind === 'default';
  const seccomp = resolveSeccomp(unconfined ? { kind: 'unconfined' } : spec.seccomp, facts.seccompProfile, {
    architecture: facts.architecture,
    kernel: facts.kernel,
    capabilities,
  });
  const ownUts = namespaces.some((namespace) => namespace.type === 'uts' && namespace.path === undefined);
  const propagation = rootPropagation(request.mounts);
  return {
    ociVersion: '1.0.2',
    process: buildProcess(spec, facts, usesInit(request) ? INIT_TARGET : undefined),
    root: { path: request.rootfs, readonly: spec.readOnlyRoot },
    ...(ownUts && spec.hostname ? { hostname: spec.hostname } : {}),
    mounts: buildMounts(request, facts),
    ...(Object.keys(spec.annotations).length ? { annotations: spec.annotations } : {}),
    linux: {
      namespaces,
      devices: [...facts.devices],
      ...(facts.cgroupsPath === undefined ? {} : { cgroupsPath: facts.cgroupsPath }),
      ...(facts.resources === undefined ? {} : { resources: facts.resources }),
      sysctl: { ...buildSysctls(spec.sysctls, ownedNamespaces(namespaces)), ...domain(spec.domainname, ownUts) },
      ...(seccomp ? { seccomp } : {}),
      maskedPaths: spec.privileged ? [] : [...(spec.maskedPaths ?? [...MASKED_PATHS, ...facts.thermalPaths])],
      readonlyPaths: spec.privileged ? [] : [...(spec.readonlyPaths ?? READONLY_PATHS)],
      ...(propagation ? { rootfsPropagation: propagation } : {}),
    },
  };
}

/** Older runtimes know no `domainname` field; the sysctl works in all of them. */
function domain(name: string, ownUts: boolean): Record<string, string> {
  return name && ownUts ? { 'kernel.domainname': name } : {};
}
