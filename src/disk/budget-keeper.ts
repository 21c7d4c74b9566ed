import { type Clock, describe, GantryError, type Log } from '../base/index.ts';
import type { Builder } from '../build/index.ts';
import type { DecisionLog, Engine } from '../engine/index.ts';
import type { Trash } from '../host/index.ts';
import { sum } from './images-on-disk.ts';
import { shownBytes } from './limit.ts';
import type { Owners } from './owners.ts';
import { planCollection } from './plan.ts';
import { situationOf } from './situation.ts';

/** Above the budget the disk is brought down to this share of it, so that not each layer more begins a collection. */
const LOW_MARK = 0.9;
/** Below this share, and so soon (milliseconds) after a look, nobody who asks for room waits for another one. */
const AT_EASE = 0.9;
const FRESH = 1_000;
/** Milliseconds. Nobody tells when logs, volumes and containers grow. */
const INTERVAL = 60_000;
/** Looking takes at most this share of the time. */
const EFFORT = 1 / 30;
/** Milliseconds between a new layer and the look at the disk: more follow soon. */
const SETTLE = 500;
/** What is used meanwhile, or was shared in a way that the plan did not see, makes another round worth while. */
const ROUNDS = 3;
/** Milliseconds: what a pull has not added to for so long is no longer being pulled. */
const ABANDONED = 2 * 60_000;

export interface KeeperParts {
  engine: Engine;
  builder: Builder;
  owners: Owners;
  trash: Trash;
  clock: Clock;
  log: Log;
  decisions: DecisionLog;
  /** Bytes. */
  budget: number;
}

interface Pruned {
  count: number;
  bytes: number;
}

/** The subject of the decisions that are kept. */
export const SUBJECT = 'disk';

/** Keeps the data root within its budget: looks when it has grown and now and then, collects, and says no when there is nothing to collect. */
export class BudgetKeeper implements Disposable {
  readonly #parts: KeeperParts;
  /** Bytes, when they were last looked up. */
  #used = 0;
  /** Milliseconds since the epoch. */
  #lookedAt = 0;
  /** Whether people were told that nothing more can be freed. */
  #told = false;
  #turn: Promise<unknown> = Promise.resolve();
  #cancelLook: (() => void) | undefined;
  #lookDue = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  /** Looks at once, and from now on. */
  start(): void {
    this.#parts.engine.images.onGrowth(() => this.#lookIn(SETTLE));
    this.#lookIn(0);
  }

  /** See `MakeRoom`. */
  async makeRoom(purpose: string, bytes: number): Promise<void> {
    const { budget, clock } = this.#parts;
    if (clock.now() - this.#lookedAt < FRESH && this.#used + bytes < budget * AT_EASE) return;
    await this.#inTurn(async () => {
      await this.#measure(budget - bytes);
      // What cannot fit in any case must not cost others what they have.
      if (this.#used + bytes > budget && this.#used + bytes - (await this.#collectable()) <= budget)
        await this.#collect(Math.max(0, Math.min(budget * LOW_MARK, budget - bytes)), `room was wanted for ${purpose}`);
      if (this.#used + bytes > budget) throw await this.#noRoom(purpose, bytes);
    });
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#cancelLook?.();
  }

  #lookIn(milliseconds: number): void {
    const { clock, log } = this.#parts;
    const due = clock.now() + milliseconds;
    if (this.#closed || due >= this.#lookDue) return;
    this.#cancelLook?.();
    this.#lookDue = due;
    this.#cancelLook = clock.later(milliseconds, () => {
      this.#lookDue = Number.POSITIVE_INFINITY;
      const began = clock.now();
      void this.#inTurn(() => this.#look())
        .catch((error: unknown) => log.warn('the disk could not be kept within its budget', { error: describe(error) }))
        .then(() => this.#lookIn(Math.max(INTERVAL, (clock.now() - began) / EFFORT)));
    });
  }

  async #look(): Promise<void> {
    const { budget } = this.#parts;
    await this.#measure(budget);
    if (this.#used > budget) await this.#collect(budget * LOW_MARK, 'more was used than the budget allows');
    if (this.#used > budget) this.#tellFull();
    else this.#told = false;
  }

  /** Bytes that a collection could free at most. */
  async #collectable(): Promise<number> {
    const { engine, owners, clock } = this.#parts;
    return planCollection(await situationOf(engine, await owners.buildCache()), Number.POSITIVE_INFINITY, clock.now()).bytes;
  }

  /** Where more than `limit` bytes are used, what was removed is waited for: it is being deleted. */
  async #measure(limit: number): Promise<void> {
    const { owners, trash, engine, clock } = this.#parts;
    const look = async () => {
      this.#lookedAt = clock.now();
      this.#used = sum((await owners.ledger()).map(({ bytes }) => bytes));
    };
    await look();
    if (this.#used <= limit) return;
    await Promise.all([trash.idle(), engine.volumes.idle()]);
    await look();
  }

  /** Brings the use down to `target` bytes, as far as that goes. */
  async #collect(target: number, why: string): Promise<void> {
    const { engine, owners, clock } = this.#parts;
    const before = this.#used;
    let [cache, images, freed] = [0, 0, 0];
    await engine.images.dropPartials(ABANDONED);
    await this.#measure(target);
    for (let round = 0; round < ROUNDS && this.#used > target; round += 1) {
      const plan = planCollection(await situationOf(engine, await owners.buildCache()), this.#used - target, clock.now());
      if (plan.cache.size + plan.images.size === 0) break;
      if (plan.cache.size > 0) {
        const pruned = await this.#pruneCache(plan.cache);
        [cache, freed] = [cache + pruned.count, freed + pruned.bytes];
      }
      if (plan.images.size > 0) {
        const pruned = await this.#pruneImages(plan.images);
        [images, freed] = [images + pruned.count, freed + pruned.bytes];
      }
      await this.#measure(target);
    }
    if (cache + images > 0) this.#tellCollected({ before, freed, cache, images, why });
  }

  async #pruneCache(ids: ReadonlySet<string>): Promise<Pruned> {
    const { builder, engine } = this.#parts;
    const { removed, spaceReclaimed } = await builder.prune({ all: true, filter: ({ id }) => ids.has(id) });
    const attributes = { reclaimed: `${spaceReclaimed}` };
    engine.events.publish({ type: 'builder', action: 'prune', actor: { id: '', attributes }, scope: 'local' });
    return { count: removed.length, bytes: spaceReclaimed };
  }

  async #pruneImages(ids: ReadonlySet<string>): Promise<Pruned> {
    const { removed, spaceReclaimed } = await this.#parts.engine.imageUse.prune(({ id }) => ids.has(id));
    const deleted = removed.filter((one) => one.deleted !== undefined && ids.has(one.deleted));
    return { count: deleted.length, bytes: spaceReclaimed };
  }

  /** `freed` is what went, and not the difference to `before`: others write meanwhile. */
  #tellCollected(told: { before: number; freed: number; cache: number; images: number; why: string }): void {
    const { before, freed, cache, images, why } = told;
    const { decisions, budget, log } = this.#parts;
    const what = `freed ${shownBytes(freed)}: ${counted(cache, 'piece')} of the build cache, ${counted(images, 'image')}`;
    decisions.add(SUBJECT, what, `${why}: ${shownBytes(before)} of ${shownBytes(budget)} were used`);
    log.info('freed disk space', { freed, used: this.#used, budget, cache, images });
    this.#publish('disk-collect', { freed: `${freed}`, cache: `${cache}`, images: `${images}` });
  }

  #tellFull(): void {
    if (this.#told) return;
    this.#told = true;
    const { decisions, budget, log } = this.#parts;
    decisions.add(SUBJECT, 'over its budget', `${shownBytes(this.#used)} of ${shownBytes(budget)} are used, and nothing more can be freed`);
    log.warn('the disk is over its budget, and nothing more can be freed', { used: this.#used, budget });
    this.#publish('disk-full', {});
  }

  async #noRoom(purpose: string, bytes: number): Promise<GantryError> {
    const { budget, decisions } = this.#parts;
    const holders = (await this.#parts.owners.ledger()).filter((line) => line.bytes > 0).sort((a, b) => b.bytes - a.bytes);
    const held = holders.slice(0, 3).map(({ owner, bytes: size }) => `${owner} ${shownBytes(size)}`);
    const wanted = bytes > 0 ? ` and ${shownBytes(bytes)} more are needed` : '';
    const state = `${shownBytes(this.#used)} of the disk budget of ${shownBytes(budget)} are used (${held.join(', ')})${wanted}`;
    decisions.add(SUBJECT, `refused: ${purpose}`, `${state}, and nothing more can be freed`);
    return new GantryError('unavailable', `no room for ${purpose}: ${state}, and nothing more can be freed`, {
      hint: `Remove containers, volumes or images that are not needed, or raise --disk-budget. 'gantry why disk' tells who holds what.`,
    });
  }

  #publish(action: string, attributes: Record<string, string>): void {
    const { engine, budget } = this.#parts;
    const all = { budget: `${budget}`, used: `${this.#used}`, ...attributes };
    engine.events.publish({ type: 'daemon', action, actor: { id: SUBJECT, attributes: all }, scope: 'local' });
  }

  /** One look or collection at a time. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

const counted = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
