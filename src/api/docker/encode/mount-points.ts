import type { ContainerRecord, MountSpec } from '../../../model/index.ts';
import type { KeptRequest } from '../decode/create.ts';

/** Host path of a volume; '' when the volume is gone. */
export type FindVolume = (name: string) => string;

/** Mounts of inspect and list. `--tmpfs` mounts are not among them: they show in HostConfig.Tmpfs, as in Docker. */
export function encodeMountPoints(record: ContainerRecord, kept: KeptRequest, findVolume: FindVolume): Record<string, unknown>[] {
  const plainTmpfs = (kept.HostConfig['Tmpfs'] ?? {}) as Record<string, string>;
  const modes = bindModes(kept);
  return record.spec.mounts
    .filter((mount) => !(mount.type === 'tmpfs' && Object.hasOwn(plainTmpfs, mount.target)))
    .map((mount) => encodeMountPoint(mount, modes.get(mount.target), findVolume));
}

function encodeMountPoint(mount: MountSpec, mode: string | undefined, findVolume: FindVolume): Record<string, unknown> {
  const common = { Destination: mount.target };
  switch (mount.type) {
    case 'bind':
      return { Type: 'bind', Source: mount.source, ...common, Mode: mode ?? '', RW: !mount.readOnly, Propagation: mount.propagation };
    case 'volume':
      // z is Docker's default for named volumes, which clients see here.
      return {
        Type: 'volume',
        Name: mount.source,
        Source: findVolume(mount.source),
        ...common,
        Driver: 'local',
        Mode: mode || (mount.anonymous ? '' : 'z'),
        RW: !mount.readOnly,
        Propagation: '',
      };
    case 'image':
      return { Type: 'image', Name: mount.source, Source: '', ...common, Mode: '', RW: false, Propagation: 'rprivate' };
    case 'tmpfs':
      return { Type: 'tmpfs', Source: '', ...common, Mode: '', RW: !mount.readOnly, Propagation: '' };
  }
}

/** The option part of each of Binds, by target. */
function bindModes(kept: KeptRequest): Map<string, string> {
  const modes = new Map<string, string>();
  for (const text of (kept.HostConfig['Binds'] ?? []) as string[]) {
    const [, target, mode] = text.split(':');
    if (target !== undefined && mode !== undefined) modes.set(target.replace(/(.)\/+$/, '$1'), mode);
  }
  return modes;
}
