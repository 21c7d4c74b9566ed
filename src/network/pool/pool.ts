import { type Clock, describe, type Log } from '../../base/index.ts';
import type { Member } from './member.ts';

export interface PoolOptions {
  /** Makes up to `count` members, at least one, or fails. */
  make(count: number): Promise<Member[]>;
  clock: Clock;
  log: Log;
  /** How many are kept ready when little happens. */
  size: number;
}

/** Calm enough to prepare the next ones: no start has asked for one for so long. */
const CALM_MILLISECONDS = 40;
/** After so long without a shortage the pool goes back to its own size. */
const SHRINK_MILLISECONDS = 60_000;
/** More than this in one round would keep the main thread busy for too long. */
const BATCH = 16;

/**
 * Namespaces prepared ahead, so that a start does not wait for one. Taking is instant while some are ready; when none is,
 * all who wait are served by the same round. Rounds run one at a time, when starts are quiet or someone waits.
 */
export class Pool {
  readonly #options: PoolOptions;
  #ready: Member[] = [];
  #waiting: { resolve: (member: Member) => void; reject: (error: unknown) => void }[] = [];
  #making: Promise<void> | undefined;
  #target: number;
  #cancelTimer: (() => void) | undefined;
  #lastShortage = 0;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#target = options.size;
  }

  /** Members that no container has. */
  get ready(): readonly Member[] {
    return this.#ready;
  }

  take(signal?: AbortSignal): Promise<Member> {
    signal?.throwIfAborted();
    const member = this.#ready.shift();
    if (member) {
      this.#refillLater();
      return Promise.resolve(member);
    }
    // A shortage: prepare for more of the same.
    this.#lastShortage = this.#options.clock.now();
    this.#target = Math.min(this.#options.size * 2, this.#target + 1);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#round();
    });
  }

  /** One idle member that `matches`, if there is one. */
  takeWhere(matches: (member: Member) => boolean): Member | undefined {
    const index = this.#ready.findIndex(matches);
    if (index < 0) return undefined;
    this.#refillLater();
    return this.#ready.splice(index, 1)[0];
  }

  /** Resolves when no round is under way. */
  async settled(): Promise<void> {
    await this.#making;
  }

  /** Fills the pool in the background. */
  fill(): void {
    this.#round();
  }

  /** Gives back what is idle, after a round under way has ended; nothing is made any more. */
  async close(): Promise<Member[]> {
    this.#closed = true;
    this.#cancelTimer?.();
    await this.#making;
    return this.#ready.splice(0);
  }

  #refillLater(): void {
    if (this.#closed) return;
    const { clock, size } = this.#options;
    if (clock.now() - this.#lastShortage > SHRINK_MILLISECONDS) this.#target = size;
    // Half empty is early enough, and makes rounds large.
    if (this.#ready.length * 2 > this.#target) return;
    this.#cancelTimer?.();
    this.#cancelTimer = clock.later(this.#ready.length === 0 ? 0 : CALM_MILLISECONDS, () => this.#round());
  }

  #round(): void {
    this.#making ??= this.#makeAll();
  }

  async #makeAll(): Promise<void> {
    // So that it never ends before its promise is kept, even with nothing to do.
    await Promise.resolve();
    for (let wanted = this.#wanted(); wanted > 0; wanted = this.#wanted()) await this.#makeSome(wanted);
    this.#making = undefined;
  }

  #wanted(): number {
    return this.#closed ? 0 : Math.min(BATCH, this.#waiting.length + Math.max(0, this.#target - this.#ready.length));
  }

  async #makeSome(count: number): Promise<void> {
    let made: Member[];
    try {
      made = await this.#options.make(count);
    } catch (error) {
      const waiting = this.#waiting.splice(0);
      if (waiting.length === 0) this.#options.log.warn('Could not prepare network namespaces', { error: describe(error) });
      for (const { reject } of waiting) reject(error);
      // The next take() tries again.
      this.#target = this.#ready.length;
      return;
    }
    for (const member of made) {
      const first = this.#waiting.shift();
      if (first) first.resolve(member);
      else this.#ready.push(member);
    }
  }
}
