import { type Clock, type Ids, KeyedQueue, type Log } from '../base/index.ts';
import type { Trash } from '../host/index.ts';
import type { Images, MakeRoom } from '../images/index.ts';
import type { Network } from '../network/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Store } from '../store/index.ts';
import type { Volumes } from '../volumes/index.ts';
import { ContainerArchive } from './archive/archive.ts';
import { ContainerUseCases } from './containers/containers.ts';
import { DecisionLog } from './containers/decisions.ts';
import { Lifecycle } from './containers/lifecycle.ts';
import { Remover } from './containers/remove.ts';
import { RootMounts } from './containers/roots.ts';
import { Stopper } from './containers/stop.ts';
import { ContainerTable } from './containers/table.ts';
import { Waiters } from './containers/waiters.ts';
import type { Engine } from './engine.ts';
import { EventStream } from './events/events.ts';
import { ExecTable } from './exec/execs.ts';
import { HandOver } from './handover/handover.ts';
import { HealthMonitor } from './health/monitor.ts';
import { Recoveries } from './health/recoveries.ts';
import { NetworkUses } from './networks/networks.ts';
import type { EngineParts } from './parts.ts';
import { Reconciler } from './reconcile.ts';
import { AttachDesk } from './streams/attach.ts';
import { System, type SystemOptions } from './system/system.ts';
import { ImageUses, VolumeUses } from './system/uses.ts';

export interface EngineOptions extends SystemOptions {
  dataRoot: string;
  execRoot: string;
  clock: Clock;
  ids: Ids;
  log: Log;
  store: Store;
  images: Images;
  network: Network;
  volumes: Volumes;
  runtime: Runtime;
  trash: Trash;
  admit?: (imageId: string, name: string) => Promise<void>;
  makeRoom?: MakeRoom | undefined;
}

/** Wires the engine's parts. Nothing happens before `start()`. */
export function createEngine(options: EngineOptions): Engine {
  const { clock, log, store, images, network, volumes, runtime } = options;
  const parts: EngineParts = {
    ...options,
    table: new ContainerTable(store, log),
    queue: new KeyedQueue(),
    waiters: new Waiters(),
    roots: new RootMounts(images.layers),
    decisions: new DecisionLog(store, clock),
    events: new EventStream(clock),
  };
  const desk = new AttachDesk(runtime);
  const recoveries = new Recoveries(parts, (record) => stopper.end(record));
  const health = new HealthMonitor(parts, {
    unhealthy: (record) => recoveries.unhealthy(record),
    healthy: (record) => recoveries.recovered(record),
  });
  const execs = new ExecTable(parts);
  const lifecycle = new Lifecycle(
    parts,
    {
      created: (record) => desk.connectWaiting(record.id),
      started: (record) => health.watch(record, true),
      ending: (id) => desk.delivered(id),
      ended: (record) => {
        health.forget(record.id);
        recoveries.forget(record.id);
        execs.containerEnded(record.id);
      },
      failed: (record) => desk.endWaiting(record.id),
    },
    (id) => remover.finish(id, true),
  );
  const stopper = new Stopper(parts, lifecycle);
  const remover = new Remover(parts, lifecycle, stopper, (id) => desk.endWaiting(id));
  const networkDecisions = new DecisionLog(store, clock, 'network-decision');
  const networkUse = new NetworkUses(parts, networkDecisions);
  const handOver = new HandOver(parts);
  const reconciler = new Reconciler(parts, { lifecycle, remover, health, recoveries, networks: networkUse, handOver });
  images.onEvent((action, id, attributes) => parts.events.publish({ type: 'image', action, actor: { id, attributes }, scope: 'local' }));
  return {
    containers: new ContainerUseCases(parts, lifecycle, stopper, remover, desk),
    execs,
    archive: new ContainerArchive(parts),
    events: parts.events,
    system: new System(parts, options),
    imageUse: new ImageUses(parts),
    volumeUse: new VolumeUses(parts),
    networkUse,
    handOver,
    images,
    volumes,
    network,
    async start() {
      await parts.table.load();
      await parts.decisions.load();
      await networkDecisions.load();
      await reconciler.run();
      reconciler.startPolicies();
    },
    async [Symbol.asyncDispose]() {
      lifecycle.close();
      health.close();
      recoveries.close();
      await parts.queue.idle();
      await parts.decisions.flush();
      await networkDecisions.flush();
    },
  };
}
