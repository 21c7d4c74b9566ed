import { describe, errnoOf, GantryError, invalid, isKind } from '../../base/index.ts';
import type { ContainerRecord, ContainerSpec, ImageRecord, MountSpec, VolumeMount } from '../../model/index.ts';
import { isVolumeOfOthers } from '../containers/launch.ts';
import { mergeMounts } from '../containers/merge.ts';
import { tellVolume } from '../events/attachments.ts';
import type { EngineParts } from '../parts.ts';
import { bindSourceExists } from './resolve.ts';

/** The mounts of a new container: its own, checked, then those of other containers and of its image. */
export async function chooseMounts(
  parts: EngineParts,
  spec: Pick<ContainerSpec, 'mounts' | 'volumesFrom'>,
  image: ImageRecord,
): Promise<MountSpec[]> {
  const own = await Promise.all(spec.mounts.map((mount) => checkedMount(parts, mount)));
  return mergeMounts(own, mountsFrom(parts, spec.volumesFrom), image.config.volumes, () => parts.ids.next());
}

/** What a mount shows must be there when the container is made, unless it is made for it. */
async function checkedMount(parts: EngineParts, mount: MountSpec): Promise<MountSpec> {
  if (mount.type === 'bind') await bindSourceExists(mount);
  if (mount.type !== 'image') return mount;
  try {
    return { ...mount, imageId: parts.images.get(mount.source).id };
  } catch (error) {
    // Not `notFound`: clients would pull the container's own image and try again.
    throw isKind(error, 'notFound') ? invalid(`invalid mount config for type "image": ${describe(error)}`, 'Pull it first.') : error;
  }
}

function mountsFrom(parts: EngineParts, sources: readonly { container: string; readOnly: boolean }[]): MountSpec[] {
  return sources.flatMap(({ container, readOnly }) =>
    parts.table
      .get(container)
      .spec.mounts.flatMap((m) =>
        m.type === 'tmpfs' ? [] : [{ ...m, readOnly: readOnly || m.readOnly, ...(m.type === 'volume' ? { noCopy: true } : {}) }],
      ),
  );
}

/** Makes the volumes that are missing and fills the new ones with what the image has there. */
export async function makeVolumes(parts: EngineParts, record: ContainerRecord, undo: AsyncDisposableStack): Promise<void> {
  const known = new Set(parts.volumes.list().map((v) => v.name));
  const fill: VolumeMount[] = [];
  for (const mount of record.spec.mounts) {
    if (mount.type !== 'volume') continue;
    if (mount.driver && mount.driver !== 'local')
      throw invalid(`volume driver "${mount.driver}" is not known`, 'Only the driver "local" is there.');
    await parts.volumes.create({
      name: mount.source,
      anonymous: mount.anonymous,
      ...(mount.labels ? { labels: mount.labels } : {}),
      ...(mount.driverOptions ? { options: mount.driverOptions } : {}),
    });
    if (!known.has(mount.source)) {
      undo.defer(async () => {
        if (!isVolumeOfOthers(parts, record, mount.source)) await parts.volumes.remove(mount.source, { force: true, usedBy: [] });
      });
      tellVolume(parts, mount.source, 'create');
    }
    if (!mount.noCopy) fill.push(mount);
  }
  if (fill.length === 0) return;
  await parts.roots.using(record.id, 'fill', async (root) => {
    for (const mount of fill) await fillVolume(parts, mount, root, `fill-${record.id}`);
  });
}

async function fillVolume({ volumes }: EngineParts, { source, target, subpath }: VolumeMount, root: string, user: string): Promise<void> {
  try {
    await volumes.hold(source, user);
    await volumes.fill(source, root, target, subpath);
  } catch (error) {
    const why = UNFILLED[errnoOf(error) ?? ''];
    if (why === undefined) throw error;
    throw new GantryError('invalid', `cannot copy what the image has at ${target} into volume ${source}: ${why}`, {
      cause: error,
      hint: 'With the option nocopy (--mount …,volume-nocopy) nothing is copied.',
    });
  } finally {
    await volumes.release(source, user);
  }
}

/** Faults of where the files go, which is the user's choice. */
const UNFILLED: Record<string, string> = {
  EROFS: 'read-only file system',
  ENOSPC: 'no space left on device',
  EDQUOT: 'disk quota exceeded',
  EPERM: 'the file system does not allow it',
};
