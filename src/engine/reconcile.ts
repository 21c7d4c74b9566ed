import { describe, Limiter } from '../base/index.ts';
import { type ContainerRecord, isAlive, NEVER } from '../model/index.ts';
import type { Attachment } from '../network/index.ts';
import type { RuntimeObservation } from '../runtime/index.ts';
import { dismantle, volumeNames } from './containers/launch.ts';
import { type Lifecycle, withoutIntent } from './containers/lifecycle.ts';
import type { Remover } from './containers/remove.ts';
import type { HandOver } from './handover/handover.ts';
import type { HealthMonitor } from './health/monitor.ts';
import type { Recoveries } from './health/recoveries.ts';
import { clearMountSources } from './mounts/sources.ts';
import type { NetworkUses } from './networks/networks.ts';
import type { EngineParts } from './parts.ts';
import { restartsAtBoot } from './restart/policy.ts';

/** Containers started at once when the daemon starts. */
const BOOT_STARTS = 4;

/** Who takes up again what a daemon was at that is gone. */
export interface ReconciledRooms {
  lifecycle: Lifecycle;
  remover: Remover;
  health: HealthMonitor;
  recoveries: Recoveries;
  networks: NetworkUses;
  handOver: HandOver;
}

/**
 * Makes rows and reality agree when the daemon starts: adopts what runs, records what ended meanwhile, finishes or
 * undoes what was half done, and removes what belongs to nothing. A failure on one container leaves the others alone.
 */
export class Reconciler {
  #parts: EngineParts;
  #lifecycle: Lifecycle;
  #remover: Remover;
  #health: HealthMonitor;
  #recoveries: Recoveries;
  #networks: NetworkUses;
  #handOver: HandOver;

  constructor(parts: EngineParts, rooms: ReconciledRooms) {
    this.#parts = parts;
    this.#lifecycle = rooms.lifecycle;
    this.#remover = rooms.remover;
    this.#health = rooms.health;
    this.#recoveries = rooms.recoveries;
    this.#networks = rooms.networks;
    this.#handOver = rooms.handOver;
  }

  async run(): Promise<void> {
    const { table, network } = this.#parts;
    const alive = table.list().filter((r) => isAlive(r.state) && r.intent?.operation !== 'remove');
    const observed = new Map<string, RuntimeObservation>();
    await Promise.all(alive.map((r) => this.#each(r, async () => void observed.set(r.id, await this.#parts.runtime.adopt(r.id)))));
    const adopted = alive.filter((r) => livesOn(observed.get(r.id)));
    const { runtime } = this.#parts;
    await network.start(adopted.flatMap(attachmentOf), new Map(adopted.map(({ id }) => [id, runtime.takeHeld(id)])));
    for (const record of adopted) await this.#each(record, () => this.#keep(record, observed.get(record.id)));
    for (const record of alive)
      if (!livesOn(observed.get(record.id))) await this.#each(record, () => this.#recordEnd(record, observed.get(record.id)));
    // After all that lives is known: it moves between two containers.
    for (const record of table.list())
      if (record.intent?.operation === 'take-over') await this.#each(record, () => this.#handOver.finish(record));
    for (const record of table.list()) if (record.intent) await this.#each(record, () => this.#finishIntent(record));
    await this.#removeStrangers();
  }

  /** Starts what its restart policy wants, in the background. */
  startPolicies(): void {
    const limiter = new Limiter(BOOT_STARTS);
    for (const record of this.#parts.table.list()) {
      const { state, spec } = record;
      if (
        record.relievedBy !== undefined ||
        isAlive(state) ||
        state.status === 'removing' ||
        state.status === 'dead' ||
        !restartsAtBoot(spec.restart, state, NEVER)
      )
        continue;
      // One that ended while no daemon was there is planned already.
      if (state.status === 'restarting' && !state.stoppedByUser) {
        this.#lifecycle.resumeRestart(record);
        continue;
      }
      // A start that fails is recorded in the container's state and decisions.
      void limiter.run(() => this.#lifecycle.start(record.id, 'boot').catch(() => undefined));
    }
  }

  async #keep(record: ContainerRecord, seen: RuntimeObservation | undefined): Promise<void> {
    if (!seen || !('pid' in seen)) return;
    await this.#parts.roots.hold(record.id, 'run');
    for (const name of volumeNames(record)) await this.#parts.volumes.hold(name, record.id);
    // It was to stand still for the length of a commit only.
    const wake = seen.status === 'paused' && record.intent?.operation === 'commit';
    if (wake) await this.#parts.runtime.resume(record.id);
    const status = seen.status === 'paused' && !wake ? 'paused' : 'running';
    const kept = await this.#parts.table.change(record.id, (r) =>
      withoutIntent({ ...r, state: { ...r.state, status, pid: seen.pid, pidStartTime: seen.startTime } }, 'take-over'),
    );
    // A rename may have been cut short between its two writes.
    this.#parts.network.rename({ containerId: record.id, name: record.name, spec: record.spec });
    if (record.intent?.operation === 'networks') await this.#networks.finish(record);
    this.#health.watch(kept, false);
    this.#recoveries.resume(kept);
  }

  async #recordEnd(record: ContainerRecord, seen: RuntimeObservation | undefined): Promise<void> {
    if (seen?.status === 'stopped') {
      await this.#lifecycle.settle(record, {
        id: record.id,
        exitCode: seen.exitCode,
        finishedAt: seen.finishedAt,
        oomKilled: seen.oomKilled,
      });
      return;
    }
    this.#parts.decisions.add(
      record.id,
      'lost',
      'it was gone when the daemon started, without an exit record: the host was restarted, or its monitor was killed',
    );
    await this.#lifecycle.settle(record, { id: record.id, exitCode: 255, finishedAt: this.#parts.clock.timestamp(), oomKilled: false });
  }

  async #finishIntent(record: ContainerRecord): Promise<void> {
    const operation = record.intent?.operation;
    if (operation === 'create' || operation === 'remove') {
      await this.#remover.finish(record.id, record.intent?.volumes === true);
      return;
    }
    if (operation === 'commit') {
      await this.#parts.table.change(record.id, withoutIntent);
      return;
    }
    if (operation === 'networks') {
      // It does not run any more: its next start joins what the row wants.
      await this.#parts.table.change(record.id, withoutIntent);
      return;
    }
    // Nobody was told that this start succeeded: it is undone, and the restart policy may start it anew.
    await dismantle(this.#parts, record);
    const undone = await this.#parts.table.change(record.id, (r) =>
      withoutIntent({ ...r, state: { ...r.state, pid: 0, status: r.state.status === 'restarting' ? 'exited' : r.state.status } }),
    );
    this.#parts.decisions.add(undone.id, 'start undone', 'the daemon ended in the middle of its start');
  }

  /** Run directories, layers and mounts that belong to no running container. */
  async #removeStrangers(): Promise<void> {
    const { runtime, images, table, log } = this.#parts;
    for (const id of await runtime.list()) {
      if (table.isDamaged(id)) continue;
      const record = table.find(id);
      if (record && isAlive(record.state)) continue;
      await this.#quietly(id, async () => {
        await runtime.remove(id);
        if (!record) await runtime.removeLogs(id);
      });
    }
    for (const layer of await images.layers.list()) {
      if (table.isDamaged(layer.containerId)) continue;
      const record = table.find(layer.containerId);
      if (!record) await this.#quietly(layer.containerId, () => images.layers.remove(layer.containerId));
      else if (layer.mounted && !isAlive(record.state))
        await this.#quietly(layer.containerId, () => images.layers.unmount(layer.containerId));
    }
    await this.#quietly('mounts', () => clearMountSources(this.#parts.execRoot));
    await this.#quietly('volumes', () => this.#parts.volumes.unmountUnused());
    log.debug('reconciled', { containers: table.list().length });
  }

  #each(record: ContainerRecord, work: () => Promise<void>): Promise<void> {
    return this.#quietly(record.name, work);
  }

  async #quietly(name: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#parts.log.error('a container could not be reconciled', { container: name, error: describe(error) });
    }
  }
}

function livesOn(seen: RuntimeObservation | undefined): boolean {
  return seen?.status === 'running' || seen?.status === 'paused';
}

function attachmentOf(record: ContainerRecord): Attachment[] {
  const { networkMode } = record.spec;
  if (networkMode.kind === 'container') return [];
  return [
    {
      containerId: record.id,
      namespace: record.state.networkNamespace,
      endpoints: record.state.endpoints,
      publishedPorts: record.state.publishedPorts,
      spec: record.spec,
    },
  ];
}
