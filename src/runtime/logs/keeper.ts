import { type Clock, describe, type Log } from '../../base/index.ts';
import { reopenLog } from '../conmon/control.ts';
import type { RuntimePaths } from '../paths.ts';
import type { Run } from '../run.ts';
import { rotateIfNeeded } from './rotate.ts';

/** How often the sizes of growing logs are looked at, in milliseconds. */
const INTERVAL = 1000;

/** Rotates the logs of running containers. Looks only while there are some. */
export class LogKeeper {
  #runs: () => Iterable<Run>;
  #paths: RuntimePaths;
  #clock: Clock;
  #log: Log;
  #waiting = false;

  constructor(runs: () => Iterable<Run>, paths: RuntimePaths, clock: Clock, log: Log) {
    this.#runs = runs;
    this.#paths = paths;
    this.#clock = clock;
    this.#log = log;
  }

  /** To be called when a run begins. */
  wake(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#clock.later(INTERVAL, () => {
      this.#waiting = false;
      void this.#look();
    });
  }

  async #look(): Promise<void> {
    let busy = false;
    for (const run of this.#runs()) {
      if (run.exit || !run.record.log.enabled) continue;
      busy = true;
      try {
        const result = await rotateIfNeeded(this.#paths.logDirectory(run.record.id), run.record.log, run.reopening, () =>
          reopenLog(this.#paths.run(run.record.id)),
        );
        run.reopening = result === 'reopening';
      } catch (error) {
        if (!run.exit) this.#log.warn('a log could not be rotated', { id: run.record.id, error: describe(error) });
      }
    }
    if (busy) this.wake();
  }
}
