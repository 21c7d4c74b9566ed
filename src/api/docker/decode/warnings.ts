import type { CreateContainer, HostDescription } from '../../../engine/index.ts';
import type { ResourceLimits } from '../../../model/index.ts';

/** What a person should know about a container that can be made all the same: options that do nothing, or do harm. */
export function createWarnings(spec: CreateContainer['spec'], host: Pick<HostDescription, 'cgroupVersion' | 'weighsBlockIo'>): string[] {
  const { resources } = spec;
  const v2 = host.cgroupVersion === 'v2';
  const rules: [boolean, string][] = [
    [
      spec.networkMode.kind === 'host' && (spec.ports.length > 0 || spec.publishAll),
      'Published ports are discarded when using host network mode',
    ],
    [
      spec.networkMode.kind === 'none' && (spec.ports.length > 0 || spec.publishAll),
      'Published ports are discarded when the container has no network',
    ],
    [v2 && resources.oomKillDisable === true, 'Your kernel does not support OomKillDisable. OomKillDisable discarded.'],
    [
      v2 && resources.memorySwappiness !== undefined,
      'Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.',
    ],
    [
      !v2 && resources.oomKillDisable === true && resources.memory === undefined,
      'OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.',
    ],
    [
      spec.privileged && (spec.capabilitiesAdd.length > 0 || spec.devices.length > 0),
      'A privileged container has every capability and device: CapAdd and Devices change nothing.',
    ],
    [
      spec.healthCheck !== undefined && spec.healthCheck.startInterval > 0 && spec.healthCheck.startPeriod === 0,
      'The start interval of the health check has no effect without a start period.',
    ],
  ];
  return [...rules.filter(([applies]) => applies).map(([, sentence]) => sentence), ...limitWarnings(resources, host)];
}

/** Limits that this kernel has no means for; also said when they are changed. */
export function limitWarnings(resources: ResourceLimits, host: Pick<HostDescription, 'weighsBlockIo'>): string[] {
  return resources.blkioWeight && !host.weighsBlockIo
    ? ['Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.']
    : [];
}
