import { type Clock, conflict } from '../../base/index.ts';
import type { ExitRecord, RuntimeObservation, StreamSession } from '../../runtime/index.ts';

/** Processes that exist only in memory. */
export class FakeRuntime {
  running = new Map<string, { status: 'created' | 'running' | 'paused' }>();
  signals: { id: string; signal: number }[] = [];
  /** Signals that end a process; the others are ignored by it. */
  deadly = new Set([9, 15]);
  failCreate: Error | undefined;
  /** Ends the process within start(), with this code. */
  exitAtStart: number | undefined;
  removed: string[] = [];
  observations = new Map<string, RuntimeObservation>();
  #listeners: ((exit: ExitRecord) => void)[] = [];
  #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  onExit(listener: (exit: ExitRecord) => void): void {
    this.#listeners.push(listener);
  }

  exit(id: string, exitCode: number, oomKilled = false): void {
    if (!this.running.delete(id)) return;
    for (const listener of this.#listeners) listener({ id, exitCode, finishedAt: this.#clock.timestamp(), oomKilled });
  }

  takeHeld(): number[] {
    return [];
  }

  async create({ id }: { id: string }) {
    if (this.failCreate) throw this.failCreate;
    this.running.set(id, { status: 'created' });
    return { pid: 1234, startTime: 1 };
  }

  async start(id: string): Promise<void> {
    this.running.set(id, { status: 'running' });
    if (this.exitAtStart !== undefined) this.exit(id, this.exitAtStart);
  }

  /** Streams of a process that writes nothing; they never end by themselves. */
  async attach(): Promise<StreamSession> {
    const none = () => {};
    return { onOutput: none, onEnd: none, onDrain: none, endInput: none, pause: none, resume: none, close: none, write: () => true };
  }

  async signal(id: string, signal: number): Promise<void> {
    if (!this.running.has(id)) throw conflict(`no process for ${id}`);
    this.signals.push({ id, signal });
    if (this.deadly.has(signal)) this.exit(id, 128 + signal);
  }

  async killAll(id: string): Promise<void> {
    this.exit(id, 137);
  }

  async pause(): Promise<void> {}
  async resume(): Promise<void> {}

  async remove(id: string): Promise<void> {
    this.running.delete(id);
    this.removed.push(id);
  }

  async removeLogs(): Promise<void> {}

  async list(): Promise<string[]> {
    return [...this.running.keys()];
  }

  async adopt(id: string): Promise<RuntimeObservation> {
    return this.observations.get(id) ?? { status: 'absent' };
  }
}
