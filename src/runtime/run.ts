import type { StreamHub } from './conmon/hub.ts';
import type { Monitor } from './conmon/monitor.ts';
import type { RunRecord } from './run-record.ts';
import type { ExitRecord } from './runtime.ts';

/** One run of a container as this daemon knows it: the record on disk and what hangs on it in memory. */
export class Run {
  record: RunRecord;
  /** Only for a monitor that this daemon started. */
  monitor: Monitor | undefined;
  hub: Promise<StreamHub> | undefined;
  /** A reopen of the log was asked for and the new file is not there yet. */
  reopening = false;
  #exit: ExitRecord | undefined;
  #listeners = new Set<() => void>();
  /** Resolves when the exit is known. */
  readonly ended: Promise<ExitRecord>;
  #resolveEnded!: (exit: ExitRecord) => void;

  constructor(record: RunRecord) {
    this.record = record;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  get exit(): ExitRecord | undefined {
    return this.#exit;
  }

  finish(exit: ExitRecord): void {
    this.#exit = exit;
    this.#resolveEnded(exit);
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }

  /** Calls back when the run ends or is given up; returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The run directory is going: nobody need wait for it any more. */
  abandon(): void {
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }
}
