import { conflict, GantryError, isKind } from '../../base/index.ts';
import { type ContainerRecord, isAlive } from '../../model/index.ts';
import { type EngineParts, publishContainerEvent } from '../parts.ts';
import type { Lifecycle } from './lifecycle.ts';
import { parseSignal } from './signals.ts';

const DEFAULT_GRACE = 10;
const SIGKILL = 9;
/** Milliseconds that even SIGKILL may take, such as while a disk hangs. */
const KILL_PATIENCE = 30_000;

/** Ends containers: asked nicely first, then by SIGKILL. Never holds the container's queue while it waits. */
export class Stopper {
  #parts: EngineParts;
  #lifecycle: Lifecycle;

  constructor(parts: EngineParts, lifecycle: Lifecycle) {
    this.#parts = parts;
    this.#lifecycle = lifecycle;
  }

  /** `timeout` in seconds: undefined is the container's own or 10, -1 waits for ever. */
  async stop(asked: ContainerRecord, options: { signal?: string; timeout?: number }): Promise<void> {
    const { table } = this.#parts;
    const number = parseSignal(options.signal || asked.spec.stopSignal);
    const record = await this.afterStart(asked);
    if (record.state.status === 'restarting') {
      await this.#lifecycle.settleStopped(record);
      publishContainerEvent(this.#parts, record, 'stop');
      return;
    }
    if (!isAlive(record.state)) throw new GantryError('unchanged', `Container ${record.name} is not running.`);
    await table.changeState(record.id, { stoppedByUser: true });
    await this.#end(record, number, options);
    await this.settled(record.id);
    publishContainerEvent(this.#parts, record, 'stop');
  }

  /** Ends a run for reasons of our own: what comes after it is for the life cycle to decide. */
  async end(record: ContainerRecord): Promise<void> {
    await this.#end(record, parseSignal(record.spec.stopSignal), {});
  }

  async #end(record: ContainerRecord, number: number, options: { signal?: string; timeout?: number }): Promise<void> {
    const grace = options.timeout ?? record.spec.stopTimeout ?? DEFAULT_GRACE;
    await this.#signal(record, number);
    if (await this.#gone(record.id, grace < 0 ? undefined : grace * 1000)) return;
    this.#parts.decisions.add(record.id, 'killed', `it did not end within ${grace} s of ${options.signal || record.spec.stopSignal}`);
    await this.forceKill(record);
  }

  async kill(asked: ContainerRecord, signal: string): Promise<void> {
    const number = parseSignal(signal || 'SIGKILL');
    const record = await this.afterStart(asked);
    if (record.state.status === 'restarting') return await this.#lifecycle.settleStopped(record);
    if (!isAlive(record.state)) throw conflict(`cannot kill container: ${record.id}: container ${record.id} is not running`);
    const final = number === SIGKILL || number === parseSignal(record.spec.stopSignal);
    if (final) await this.#parts.table.changeState(record.id, { stoppedByUser: true });
    await this.#signal(record, number);
    if (number === SIGKILL) await this.#gone(record.id, KILL_PATIENCE);
  }

  /** SIGKILL to everything in it, and the end of it seen. */
  async forceKill(record: ContainerRecord): Promise<void> {
    // Told first: its end may be told before the call returns.
    publishContainerEvent(this.#parts, record, 'kill', { signal: String(SIGKILL) });
    await this.#unlessEnded(() => this.#parts.runtime.killAll(record.id));
    if (record.state.status === 'paused') await this.#unlessEnded(() => this.#parts.runtime.resume(record.id));
    if (!(await this.#gone(record.id, KILL_PATIENCE))) {
      throw new GantryError('unavailable', `Container ${record.name} does not end even on SIGKILL (process ${record.state.pid}).`, {
        hint: 'A process may hang in the kernel, often on a disk or network file system.',
      });
    }
  }

  /** A start that is under way is waited for: whoever ends a container then must not be told that it does not run, and have it run on. */
  async afterStart(record: ContainerRecord): Promise<ContainerRecord> {
    if (record.intent?.operation !== 'start') return record;
    await this.settled(record.id);
    return this.#parts.table.get(record.id);
  }

  /** Resolves when the run has been taken down too. */
  async settled(id: string): Promise<void> {
    await this.#parts.queue.run(id, async () => undefined);
  }

  async #signal(record: ContainerRecord, number: number): Promise<void> {
    await this.#unlessEnded(() => this.#parts.runtime.signal(record.id, number));
    publishContainerEvent(this.#parts, record, 'kill', { signal: String(number) });
    // A frozen process takes no signal before it is thawed.
    if (record.state.status === 'paused') {
      await this.#unlessEnded(() => this.#parts.runtime.resume(record.id));
      if (isAlive(this.#parts.table.get(record.id).state)) await this.#parts.table.changeState(record.id, { status: 'running' });
    }
  }

  /** It may have ended by itself a moment ago: then there is nothing to act on, and its exit is on the way. */
  async #unlessEnded(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!isKind(error, 'conflict')) throw error;
    }
  }

  /** Whether it ended within `patience` milliseconds. */
  async #gone(id: string, patience: number | undefined): Promise<boolean> {
    const giveUp = new AbortController();
    const ended = this.#parts.waiters.add(id, 'exit', giveUp.signal).then(
      () => true,
      () => false,
    );
    const now = this.#parts.table.find(id);
    if (!now || !isAlive(now.state)) giveUp.abort();
    const cancel = patience === undefined ? () => {} : this.#parts.clock.later(patience, () => giveUp.abort());
    const result = await ended;
    cancel();
    const after = this.#parts.table.find(id);
    return result || !after || !isAlive(after.state);
  }
}
