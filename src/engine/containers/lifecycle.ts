import { conflict, describe, GantryError, notFound } from '../../base/index.ts';
import { type ContainerRecord, type ContainerState, isAlive } from '../../model/index.ts';
import type { ExitRecord } from '../../runtime/index.ts';
import { tellAttached, tellDetached } from '../events/attachments.ts';
import { afterRecovery } from '../health/recovery-plan.ts';
import { type EngineParts, publishContainerEvent } from '../parts.ts';
import { decideRestart } from '../restart/policy.ts';
import { dismantle, launch } from './launch.ts';

/** How long a reader who does not read may hold back the news that a container has ended. Milliseconds; Docker's number. */
const READERS_PATIENCE = 2000;

export type StartReason = 'user' | 'restart' | 'boot';

/** Called around the moments of a run, so that attach and health can join in without knowing the life cycle. */
export interface RunHooks {
  /** The process exists and waits before its first instruction. */
  created(record: ContainerRecord): Promise<void>;
  started(record: ContainerRecord): void;
  /** The process has ended. Resolves when what it wrote has reached those who read along; undefined when nobody does. */
  ending(id: string): Promise<void> | undefined;
  ended(record: ContainerRecord): void;
  /** The start failed before the process ran. */
  failed(record: ContainerRecord): void;
}

/**
 * Starts and ends of containers: the only writer of a container's state.
 *
 * A start runs in the container's queue. An exit is recorded at once, whoever holds the queue, and what is left of
 * the run is taken down in the queue afterwards, so that waiters never wait for tidying.
 */
export class Lifecycle {
  #parts: EngineParts;
  #hooks: RunHooks;
  /** Waits before automatic restarts, by container. */
  #timers = new Map<string, () => void>();
  /** Exits that came while the start was still under way. */
  #early = new Map<string, ExitRecord>();
  /** Containers that are being stopped to be started again, on request. */
  #returning = new Set<string>();
  #removeContainer: (id: string) => Promise<void>;
  #stopped = false;

  constructor(parts: EngineParts, hooks: RunHooks, removeContainer: (id: string) => Promise<void>) {
    this.#parts = parts;
    this.#hooks = hooks;
    this.#removeContainer = removeContainer;
    parts.runtime.onExit(
      (exit) =>
        void this.#exited(exit).catch((error) => parts.log.error('an exit could not be recorded', { id: exit.id, error: describe(error) })),
    );
  }

  start(id: string, reason: StartReason): Promise<void> {
    return this.#parts.queue.run(id, () => this.#start(id, reason));
  }

  /**
   * `stop`, then a start. Between the two the container is restarting rather than exited: who looks then, such as compose
   * that watches an application, must not take it for finished.
   */
  async restart(id: string, stop: () => Promise<void>): Promise<void> {
    this.#returning.add(id);
    try {
      await stop();
      await this.start(id, 'user');
    } finally {
      this.#returning.delete(id);
    }
  }

  /** Stops planning restarts; what runs goes on. */
  close(): void {
    this.#stopped = true;
    for (const id of [...this.#timers.keys()]) this.cancelRestart(id);
  }

  /** Whether a restart was waiting. */
  cancelRestart(id: string): boolean {
    const cancel = this.#timers.get(id);
    cancel?.();
    return this.#timers.delete(id);
  }

  /** A container between restarts is stopped: it stays as it is, and those who wait for it are told. */
  async settleStopped(record: ContainerRecord): Promise<void> {
    this.cancelRestart(record.id);
    await this.#parts.table.changeState(record.id, { status: 'exited', stoppedByUser: true });
    this.#parts.waiters.stopped(record.id, { exitCode: record.state.exitCode });
  }

  async #start(id: string, reason: StartReason): Promise<void> {
    const { table } = this.#parts;
    const before = table.find(id);
    if (!before) throw notFound(`No such container: ${id}`);
    if (before.state.status === 'paused') throw conflict('cannot start a paused container, try unpause instead');
    if (isAlive(before.state)) throw new GantryError('unchanged', `Container ${before.name} is already running.`);
    if (before.state.status === 'removing' || before.state.status === 'dead')
      throw conflict(`Container ${before.name} is marked for removal and cannot be started.`);
    if (reason === 'restart' && before.state.stoppedByUser) return;
    this.cancelRestart(id);
    const intended = await table.change(id, ({ relievedBy, offNetworks: _off, ...r }) => ({
      ...r,
      // Who is started by a person is meant to serve.
      ...(relievedBy !== undefined && reason !== 'user' ? { relievedBy } : {}),
      intent: { operation: 'start', since: this.#parts.clock.timestamp() },
    }));
    try {
      await this.#run(intended, reason);
    } catch (error) {
      await this.#failed(intended, error, reason);
      throw error;
    }
  }

  async #run(record: ContainerRecord, reason: StartReason): Promise<void> {
    const { table, runtime, clock } = this.#parts;
    const { id } = record;
    const made = await launch(this.#parts, record);
    let running: ContainerRecord;
    try {
      await this.#hooks.created(record);
      // Taken before it runs: a process that ends at once must not end before it began.
      const startedAt = clock.timestamp();
      await runtime.start(id);
      running = await table.change(id, (r) => withoutIntent({ ...r, state: this.#startedState(r.state, made, reason, startedAt) }));
    } catch (error) {
      await dismantle(this.#parts, record);
      throw error;
    }
    tellAttached(this.#parts, running, running.state.endpoints);
    publishContainerEvent(this.#parts, running, 'start');
    const unhealthy = record.state.recovery?.ending === true && reason !== 'user';
    this.#parts.decisions.add(id, 'started', unhealthy ? 'it was restarted for being unhealthy' : startWords[reason]);
    if (unhealthy) publishContainerEvent(this.#parts, running, 'restart');
    this.#hooks.started(running);
    const early = this.#early.get(id);
    if (early) {
      this.#early.delete(id);
      await this.settle(running, early);
    }
  }

  #startedState(state: ContainerState, made: Partial<ContainerState>, reason: StartReason, now: string): ContainerState {
    const { health: _old, recovery, restartDelay, ...kept } = state;
    const going = reason === 'user' ? undefined : afterRecovery(recovery, now);
    return {
      ...kept,
      ...made,
      ...(going ? { recovery: going } : {}),
      ...(restartDelay === undefined || reason === 'user' ? {} : { restartDelay }),
      status: 'running',
      startedAt: now,
      error: '',
      exitCode: 0,
      oomKilled: false,
      stoppedByUser: false,
      restartCount: reason === 'user' ? 0 : reason === 'restart' || recovery?.ending ? state.restartCount + 1 : state.restartCount,
    };
  }

  async #failed(record: ContainerRecord, error: unknown, reason: StartReason): Promise<void> {
    const { table, waiters, decisions } = this.#parts;
    this.#early.delete(record.id);
    this.#hooks.failed(record);
    if (!table.find(record.id)) return;
    const exitCode = exitCodeOf(error);
    const words = describe(error);
    decisions.add(record.id, 'start failed', words);
    const after = await table.change(record.id, (r) =>
      withoutIntent({
        ...r,
        state: { ...r.state, status: r.state.status === 'restarting' ? 'exited' : r.state.status, exitCode, error: words, pid: 0 },
      }),
    );
    // Nothing ran, so that nothing exited: who waits for the next exit goes on waiting, as with Docker.
    waiters.stopped(record.id, { exitCode, error: words });
    if (reason === 'restart') this.#parts.log.warn('a restart failed', { container: record.name, error: words });
    if (record.spec.autoRemove) this.#removeLater(after);
  }

  /** The process of a run has ended, now or while no daemon was there. */
  async #exited(exit: ExitRecord): Promise<void> {
    const record = this.#parts.table.find(exit.id);
    if (!record) return;
    if (record.intent?.operation === 'start') this.#early.set(exit.id, exit);
    else if (isAlive(record.state)) await this.settle(record, exit);
  }

  /** Records an exit, tells those who wait, and plans what comes next. */
  async settle(run: ContainerRecord, exit: ExitRecord): Promise<void> {
    const reading = this.#hooks.ending(run.id);
    if (reading) await this.#atMost(READERS_PATIENCE, reading);
    const record = reading ? this.#parts.table.find(run.id) : run;
    if (!record || !isAlive(record.state) || record.state.startedAt !== run.state.startedAt) return;
    const { table, waiters, decisions, queue, log } = this.#parts;
    const { id } = record;
    const decision = decideRestart(record.spec.restart, {
      exitCode: exit.exitCode,
      stoppedByUser: record.state.stoppedByUser || record.relievedBy !== undefined,
      unhealthy: record.state.recovery?.ending === true,
      restartCount: record.state.restartCount,
      lived: Date.parse(exit.finishedAt) - Date.parse(record.state.startedAt),
      lastDelay: record.state.restartDelay ?? 0,
    });
    const returning = this.#returning.has(id);
    const ended = await table.observe(id, {
      status: decision.restart || returning ? 'restarting' : 'exited',
      ...(decision.restart ? { restartDelay: decision.delay } : {}),
      pid: 0,
      exitCode: exit.exitCode,
      finishedAt: exit.finishedAt,
      oomKilled: exit.oomKilled,
      endpoints: [],
      publishedPorts: [],
    });
    waiters.exited(id, { exitCode: exit.exitCode }, !decision.restart);
    this.#hooks.ended(ended);
    if (exit.oomKilled) {
      publishContainerEvent(this.#parts, ended, 'oom');
      decisions.add(id, 'oom', oomWords(ended));
    }
    tellDetached(this.#parts, ended, record.state.endpoints);
    publishContainerEvent(this.#parts, ended, 'die', {
      exitCode: String(exit.exitCode),
      execDuration: String(secondsBetween(record.state.startedAt, exit.finishedAt)),
    });
    decisions.add(id, 'exited', exitWords(exit));
    if (returning) decisions.add(id, 'restart', 'someone asked for it');
    else decisions.add(id, decision.restart ? 'restart' : 'no restart', decision.why);
    void queue
      .run(id, () => dismantle(this.#parts, ended))
      .catch((error) => log.error('a run could not be taken down whole', { container: ended.name, error: describe(error) }));
    if (decision.restart) this.#planRestart(id, decision.delay);
    else if (ended.spec.autoRemove && !returning) this.#removeLater(ended);
  }

  async #atMost(milliseconds: number, work: Promise<void>): Promise<void> {
    let cancel = () => {};
    const over = new Promise<void>((resolve) => {
      cancel = this.#parts.clock.later(milliseconds, resolve);
    });
    await Promise.race([work, over]);
    cancel();
  }

  /** Not awaited: this may run inside the container's queue, which the removal joins. */
  #removeLater(record: ContainerRecord): void {
    void this.#removeContainer(record.id).catch((error) =>
      this.#parts.log.error('automatic removal failed', { container: record.name, error: describe(error) }),
    );
  }

  /** Waits for the rest of what a daemon was waiting for that is gone. */
  resumeRestart({ id, state }: ContainerRecord): void {
    const due = Date.parse(state.finishedAt) + (state.restartDelay ?? 0);
    this.#planRestart(id, Math.max(0, due - this.#parts.clock.now()));
  }

  #planRestart(id: string, delay: number): void {
    if (this.#stopped) return;
    this.cancelRestart(id);
    const cancel = this.#parts.clock.later(delay, () => {
      this.#timers.delete(id);
      // A failed restart is recorded by #failed; nothing is left to tell here.
      void this.start(id, 'restart').catch(() => undefined);
    });
    this.#timers.set(id, cancel);
  }
}

const startWords: Record<StartReason, string> = {
  user: 'someone asked for it',
  restart: 'its restart policy asked for it',
  boot: 'the daemon started and its restart policy asked for it',
};

/** `except` is an intent that stays. */
export function withoutIntent(record: ContainerRecord, except?: string): ContainerRecord {
  if (except !== undefined && record.intent?.operation === except) return record;
  const { intent: _done, ...rest } = record;
  return rest;
}

/** Docker's exit code of a container whose command could not be run; 128 when something else failed. */
function exitCodeOf(error: unknown): number {
  for (let e = error; e instanceof Error; e = e.cause) if ('exitCode' in e && typeof e.exitCode === 'number') return e.exitCode;
  return 128;
}

function secondsBetween(start: string, end: string): number {
  return Math.max(0, Math.floor((Date.parse(end) - Date.parse(start)) / 1000));
}

function exitWords(exit: ExitRecord): string {
  if (exit.exitCode > 128 && exit.exitCode < 193)
    return `its main process ended by signal ${exit.exitCode - 128} (exit code ${exit.exitCode})`;
  return `its main process ended with exit code ${exit.exitCode}`;
}

function oomWords(record: ContainerRecord): string {
  const limit = record.spec.resources.memory;
  return limit
    ? `the kernel killed a process of it for want of memory: its limit is ${Math.round(limit / 1048576)} MiB`
    : 'the kernel killed a process of it for want of memory on the host';
}
