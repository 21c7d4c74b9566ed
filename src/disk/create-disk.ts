import type { Clock, Log } from '../base/index.ts';
import type { Builder } from '../build/index.ts';
import { DecisionLog, type Engine } from '../engine/index.ts';
import { diskFree, type Trash } from '../host/index.ts';
import type { Store } from '../store/index.ts';
import type { BudgetKeeper } from './budget-keeper.ts';
import type { Disk } from './disk.ts';
import { type DiskLimit, limitBytes } from './limit.ts';
import { Owners } from './owners.ts';

export interface DiskOptions {
  dataRoot: string;
  store: Store;
  clock: Clock;
  log: Log;
  trash: Trash;
  engine: Engine;
  builder: Builder;
  limit: DiskLimit | undefined;
}

/** Wires the disk. What keeps the budget, and what explains it, is loaded when it is wanted. */
export function createDisk(options: DiskOptions): Disk {
  const { dataRoot, engine, builder, clock, store, limit } = options;
  const owners = new Owners(dataRoot, engine, builder);
  const decisions = new DecisionLog(store, clock, 'disk-decision');
  let keeper: BudgetKeeper | undefined;

  const budget = async () => (limit === undefined ? undefined : limitBytes(limit, (await diskFree(dataRoot)).total));
  return {
    images: () => owners.images(),
    containers: () => owners.containers(),
    volumes: () => owners.volumes(),
    buildCache: () => owners.buildCache(),
    ledger: () => owners.ledger(),
    budget,
    makeRoom: async (purpose, bytes) => keeper?.makeRoom(purpose, bytes),
    async why() {
      const { tellDisk } = await import('./why.ts');
      return await tellDisk({ dataRoot, owners, engine, decisions, budget: await budget(), now: clock.now() });
    },
    async start() {
      await decisions.load();
      const bytes = await budget();
      if (bytes === undefined) return;
      const { BudgetKeeper } = await import('./budget-keeper.ts');
      keeper = new BudgetKeeper({ ...options, owners, decisions, budget: bytes });
      keeper.start();
    },
    [Symbol.dispose]: () => keeper?.[Symbol.dispose](),
  };
}
