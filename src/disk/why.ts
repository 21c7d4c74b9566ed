import type { DecisionLog, Engine } from '../engine/index.ts';
import { SUBJECT } from './budget-keeper.ts';
import type { Disk } from './disk.ts';
import { explainDisk } from './explain.ts';
import type { Owners } from './owners.ts';
import { planCollection } from './plan.ts';
import { situationOf } from './situation.ts';

/** Gathers the facts and tells them. */
export async function tellDisk(sources: {
  dataRoot: string;
  owners: Owners;
  engine: Engine;
  decisions: DecisionLog;
  budget: number | undefined;
  now: number;
}): ReturnType<Disk['why']> {
  const { dataRoot, owners, engine, decisions, budget, now } = sources;
  const [ledger, images, containers, volumes, cache] = await Promise.all([
    owners.ledger(),
    owners.images(),
    owners.containers(),
    owners.volumes(),
    owners.buildCache(),
  ]);
  const situation = await situationOf(engine, cache);
  const collectable = planCollection(situation, Number.POSITIVE_INFINITY, now).bytes;
  const told = explainDisk({ budget, ledger, images, containers, volumes, cache, situation, collectable, now });
  return { subject: `disk ${dataRoot}`, ...told, decisions: decisions.of(SUBJECT) };
}
