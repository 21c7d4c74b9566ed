import type { VolumeRecord } from '../../../model/index.ts';

const orNull = (values: Record<string, string>) => (Object.keys(values).length > 0 ? values : null);

export function encodeVolume(volume: VolumeRecord, usage?: { size: number; references: number }): Record<string, unknown> {
  return {
    // Whole seconds, as Docker has it: some clients parse nothing finer here.
    CreatedAt: volume.createdAt.replace(/\.\d+/, ''),
    Driver: volume.driver,
    Labels: orNull(volume.labels),
    Mountpoint: volume.mountpoint,
    Name: volume.name,
    Options: orNull(volume.options),
    Scope: 'local',
    ...(usage ? { UsageData: { RefCount: usage.references, Size: usage.size } } : {}),
  };
}
