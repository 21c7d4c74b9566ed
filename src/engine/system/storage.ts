import { join } from 'node:path';
import { diskUsage, restOfFolder } from '../../host/index.ts';
import type { ContainerRecord } from '../../model/index.ts';
import { containerFiles } from '../containers/launch.ts';
import type { ContainerStorage } from '../engine.ts';
import type { EngineParts } from '../parts.ts';

/** What each container has on disk, and what nobody has: folders, roots of builds at work, containers that are going. */
export async function containerStorage(parts: EngineParts): Promise<{ list: ContainerStorage[]; rest: number }> {
  const { table, images, dataRoot } = parts;
  const list = await Promise.all(table.list().map((container) => storageOf(parts, container)));
  const known = new Set(list.map(({ container }) => container.id));
  let rest = await restOfFolder(join(dataRoot, 'containers'), (name) => known.has(name));
  for (const { containerId } of await images.layers.list()) if (!known.has(containerId)) rest += await images.layers.storage(containerId);
  return { list, rest };
}

/** Of one container. */
export async function storageOf({ images, runtime, dataRoot }: EngineParts, container: ContainerRecord): Promise<ContainerStorage> {
  const { id } = container;
  const [layer, { bytes }, logs] = await Promise.all([
    images.layers.storage(id),
    diskUsage(containerFiles(dataRoot, id).directory),
    runtime.logSize(id),
  ]);
  return { container, layer, files: Math.max(0, bytes - logs), logs };
}
