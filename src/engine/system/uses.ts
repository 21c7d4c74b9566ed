import { GantryError } from '../../base/index.ts';
import type { ImageUse, RemovedImage } from '../../images/index.ts';
import { type ContainerRecord, type ImageRecord, isAlive } from '../../model/index.ts';
import { usesVolume } from '../containers/launch.ts';
import type { ImageUseCases, VolumeUseCases } from '../engine.ts';
import { type EngineParts, publishPrune } from '../parts.ts';

/** Image verbs that heed what containers use. */
export class ImageUses implements ImageUseCases {
  #parts: EngineParts;

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  usedBy(imageId: string): ContainerRecord[] {
    const shows = (r: ContainerRecord) => r.spec.mounts.some((mount) => mount.type === 'image' && mount.imageId === imageId);
    return this.#parts.table.list().filter((r) => r.spec.imageId === imageId || shows(r));
  }

  remove(reference: string, options: { force: boolean; prune: boolean }): Promise<RemovedImage[]> {
    return this.#parts.images.remove(reference, { ...options, usedBy: (id) => this.#uses(id) });
  }

  async prune(filter: (image: ImageRecord) => boolean) {
    const pruned = await this.#parts.images.prune({ filter, usedBy: (id) => this.#uses(id) });
    publishPrune(this.#parts, 'image', pruned.spaceReclaimed);
    return pruned;
  }

  #uses(imageId: string): ImageUse[] {
    return this.usedBy(imageId).map((r) => ({ containerId: r.id, running: isAlive(r.state) }));
  }
}

/** Volume verbs that heed what containers use. */
export class VolumeUses implements VolumeUseCases {
  #parts: EngineParts;

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  usedBy(name: string): ContainerRecord[] {
    return this.#parts.table.list().filter((r) => usesVolume(r, name));
  }

  async remove(name: string, options: { force: boolean }): Promise<void> {
    const usedBy = this.usedBy(name).map((r) => r.id);
    await this.#parts.volumes.remove(name, { force: options.force, usedBy });
    this.#publish(name, 'destroy');
  }

  async prune(
    filter: (name: string, labels: Record<string, string>) => boolean,
    all: boolean,
  ): Promise<{ removed: string[]; spaceReclaimed: number }> {
    const removed: string[] = [];
    let spaceReclaimed = 0;
    for (const volume of this.#parts.volumes.list()) {
      // What the options mount is elsewhere, and nobody's to free: Docker leaves these alone too.
      if (Object.keys(volume.options).length > 0) continue;
      if ((!all && !volume.anonymous) || this.usedBy(volume.name).length > 0 || !filter(volume.name, volume.labels)) continue;
      const size = await this.#parts.volumes.size(volume.name);
      try {
        await this.remove(volume.name, { force: false });
      } catch (error) {
        if (error instanceof GantryError && (error.kind === 'conflict' || error.kind === 'notFound')) continue;
        throw error;
      }
      removed.push(volume.name);
      spaceReclaimed += size;
    }
    publishPrune(this.#parts, 'volume', spaceReclaimed);
    return { removed, spaceReclaimed };
  }

  #publish(name: string, action: string): void {
    this.#parts.events.publish({ type: 'volume', action, actor: { id: name, attributes: { driver: 'local' } }, scope: 'local' });
  }
}
