import { conflict, describe, invalid, tearDown } from '../../base/index.ts';
import { type ContainerRecord, isAlive } from '../../model/index.ts';
import { tellVolume } from '../events/attachments.ts';
import { type EngineParts, publishContainerEvent } from '../parts.ts';
import { containerFiles, dismantle, isVolumeOfOthers } from './launch.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { Stopper } from './stop.ts';

export interface RemoveOptions {
  force: boolean;
  volumes: boolean;
  link: boolean;
}

/** Removes containers: the row goes last, so that a removal cut short is finished at the next start. */
export class Remover {
  #parts: EngineParts;
  #lifecycle: Lifecycle;
  #stopper: Stopper;
  readonly #removed: (id: string) => void;

  /** `removed` lets go whoever still waits for a container that never started. */
  constructor(parts: EngineParts, lifecycle: Lifecycle, stopper: Stopper, removed: (id: string) => void) {
    this.#parts = parts;
    this.#lifecycle = lifecycle;
    this.#stopper = stopper;
    this.#removed = removed;
  }

  async remove(asked: ContainerRecord, options: RemoveOptions): Promise<void> {
    if (options.link) throw invalid(`Conflict, cannot remove the default link name of the container: ${asked.name}`);
    const record = await this.#stopper.afterStart(asked);
    const { status } = record.state;
    if (status === 'restarting' && options.force) await this.#lifecycle.settleStopped(record);
    else if (status === 'restarting') throw stillThere(record, 'restarting');
    else if (isAlive(record.state)) {
      if (!options.force) throw stillThere(record, status);
      await this.#parts.table.changeState(record.id, { stoppedByUser: true });
      await this.#stopper.forceKill(record);
    }
    await this.finish(record.id, options.volumes);
  }

  /** The removal itself, of a container that no longer runs. Idempotent. */
  finish(id: string, volumes: boolean): Promise<void> {
    return this.#parts.queue.run(id, async () => {
      const found = this.#parts.table.find(id);
      if (!found) return;
      if (isAlive(found.state)) throw stillThere(found, found.state.status);
      this.#lifecycle.cancelRestart(id);
      const record = await this.#parts.table.change(id, (r) => ({
        ...r,
        state: { ...r.state, status: 'removing' },
        intent: {
          operation: 'remove',
          since: this.#parts.clock.timestamp(),
          volumes: volumes || r.spec.autoRemove || r.intent?.operation === 'create' || r.intent?.volumes === true,
        },
      }));
      await this.#erase(record);
    });
  }

  /** Of a container whose row cannot be read: what belongs to its id, running or not. Its volumes are not known and stay. */
  removeDamaged(id: string, force: boolean): Promise<void> {
    if (!force) throw conflict(`cannot remove container ${id}: its row cannot be read, and it may be running: force the removal`);
    const { table, images, runtime, network, decisions, dataRoot, trash } = this.#parts;
    return this.#parts.queue.run(id, async () => {
      await tearDown(
        () => network.detach(id),
        () => runtime.remove(id),
        () => images.layers.remove(id),
        () => trash.take(containerFiles(dataRoot, id).directory),
      );
      await table.delete(id);
      await decisions.forget(id);
    });
  }

  async #erase(record: ContainerRecord): Promise<void> {
    const { table, images, decisions, waiters, dataRoot, trash } = this.#parts;
    const { id } = record;
    try {
      await tearDown(
        () => dismantle(this.#parts, record),
        () => images.layers.remove(id),
        // With the logs that the runtime keeps there.
        () => trash.take(containerFiles(dataRoot, id).directory),
        () => (record.intent?.volumes ? this.#removeAnonymousVolumes(record) : undefined),
      );
    } catch (error) {
      await table.change(id, (r) => ({ ...r, state: { ...r.state, status: 'dead', error: describe(error) } }));
      throw error;
    }
    await table.delete(id);
    images.touch(record.spec.imageId);
    await decisions.forget(id);
    waiters.removed(id, { exitCode: record.state.exitCode });
    this.#removed(id);
    publishContainerEvent(this.#parts, record, 'destroy');
  }

  async #removeAnonymousVolumes(record: ContainerRecord): Promise<void> {
    for (const mount of record.spec.mounts) {
      if (mount.type !== 'volume' || !mount.anonymous) continue;
      if (isVolumeOfOthers(this.#parts, record, mount.source)) continue;
      await this.#parts.volumes.remove(mount.source, { force: true, usedBy: [] });
      tellVolume(this.#parts, mount.source, 'destroy');
    }
  }
}

function stillThere(record: ContainerRecord, status: string) {
  return conflict(
    `cannot remove container "${record.name}": container is ${status}: stop the container before removing or force remove`,
    `gantry rm -f ${record.name} kills and removes it.`,
  );
}
