import { describe } from '../../base/index.ts';
import { type ContainerRecord, isAlive } from '../../model/index.ts';
import type { EngineParts } from '../parts.ts';
import { planRecovery, RESTART_UNHEALTHY, restartsUnhealthy } from './recovery-plan.ts';

/** Milliseconds until one that is paused is looked at again. */
const PAUSED_PATIENCE = 5000;
/** Milliseconds until one that does not end is tried again. */
const PATIENCE_AFTER_FAILURE = 30_000;

/**
 * Restarts unhealthy containers that ask for it. They go on running while they wait their turn, and keep it to themselves when they
 * recover. What is planned is in the container's row (`state.recovery`); the end that we bring about is one after which it starts again.
 */
export class Recoveries {
  readonly #parts: EngineParts;
  /** Ends a container as a stop would, without the wish that it stay down. */
  readonly #end: (record: ContainerRecord) => Promise<void>;
  readonly #timers = new Map<string, () => void>();

  constructor(parts: EngineParts, end: (record: ContainerRecord) => Promise<void>) {
    this.#parts = parts;
    this.#end = end;
  }

  /** A container has become unhealthy. */
  async unhealthy(record: ContainerRecord): Promise<void> {
    if (!restartsUnhealthy(record.spec) || record.relievedBy !== undefined) return;
    const { clock, table, decisions } = this.#parts;
    const recovery = planRecovery(record.state.recovery, clock.now());
    await table.changeState(record.id, { recovery });
    const wait = Date.parse(recovery.due) - clock.now();
    decisions.add(
      record.id,
      'restart planned',
      `it is unhealthy and its label ${RESTART_UNHEALTHY} asks for a restart: ${wait <= 0 ? 'at once' : `after ${recovery.restarts} in a row not before ${recovery.due}, unless it recovers`}`,
    );
    this.#wait(record.id, wait);
  }

  /** A container has become healthy again. */
  async recovered(record: ContainerRecord): Promise<void> {
    const { recovery } = record.state;
    if (!recovery?.due || recovery.ending) return;
    this.forget(record.id);
    const { due: _calledOff, ...kept } = recovery;
    await this.#parts.table.changeState(record.id, { recovery: kept });
    this.#parts.decisions.add(record.id, 'restart called off', 'it is healthy again');
  }

  /** Goes on with what a daemon planned that is gone. */
  resume({ id, state }: ContainerRecord): void {
    if (state.recovery?.due) this.#wait(id, Date.parse(state.recovery.due) - this.#parts.clock.now());
  }

  forget(id: string): void {
    this.#timers.get(id)?.();
    this.#timers.delete(id);
  }

  close(): void {
    for (const id of [...this.#timers.keys()]) this.forget(id);
  }

  #wait(id: string, milliseconds: number): void {
    this.forget(id);
    const cancel = this.#parts.clock.later(Math.max(1, milliseconds), () => {
      this.#timers.delete(id);
      void this.#act(id).catch((error) => {
        this.#parts.log.error('an unhealthy container could not be restarted', { id, error: describe(error) });
        this.#wait(id, PATIENCE_AFTER_FAILURE);
      });
    });
    this.#timers.set(id, cancel);
  }

  async #act(id: string): Promise<void> {
    const { table } = this.#parts;
    const record = table.find(id);
    if (!record?.state.recovery?.due || !isAlive(record.state) || record.state.stoppedByUser) return;
    if (record.state.status === 'paused') return this.#wait(id, PAUSED_PATIENCE);
    const ending = await table.changeState(id, { recovery: { ...record.state.recovery, ending: true } });
    await this.#end(ending);
  }
}
