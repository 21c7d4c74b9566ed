import type { Clock, Ids, KeyedQueue, Log } from '../base/index.ts';
import type { Trash } from '../host/index.ts';
import type { Images, MakeRoom } from '../images/index.ts';
import type { ContainerRecord } from '../model/index.ts';
import type { Network } from '../network/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Volumes } from '../volumes/index.ts';
import type { DecisionLog } from './containers/decisions.ts';
import type { RootMounts } from './containers/roots.ts';
import type { ContainerTable } from './containers/table.ts';
import type { Waiters } from './containers/waiters.ts';
import type { EventStream } from './events/events.ts';

/** What the engine's use cases work with. Wired once, in create-engine.ts. */
export interface EngineParts {
  dataRoot: string;
  execRoot: string;
  clock: Clock;
  ids: Ids;
  log: Log;
  table: ContainerTable;
  /** One short queue per container id. */
  queue: KeyedQueue;
  waiters: Waiters;
  roots: RootMounts;
  decisions: DecisionLog;
  events: EventStream;
  images: Images;
  network: Network;
  volumes: Volumes;
  runtime: Runtime;
  trash: Trash;
  /** Fails with `denied` when no container may be made of the image; `name` is what it was asked for as. */
  admit?: (imageId: string, name: string) => Promise<void>;
  /** Asked before a commit. */
  makeRoom?: MakeRoom | undefined;
}

/** Tells about a container as Docker does: image and name, then labels, then what the action adds. */
export function publishContainerEvent(
  parts: EngineParts,
  record: ContainerRecord,
  action: string,
  extra: Record<string, string> = {},
): void {
  parts.events.publish({
    type: 'container',
    action,
    actor: { id: record.id, attributes: { ...record.spec.labels, image: record.spec.image, name: record.name, ...extra } },
    scope: 'local',
  });
}

/** As Docker tells that something was pruned. */
export function publishPrune(parts: EngineParts, type: 'container' | 'image' | 'volume' | 'network', reclaimed: number): void {
  parts.events.publish({ type, action: 'prune', actor: { id: '', attributes: { reclaimed: String(reclaimed) } }, scope: 'local' });
}
