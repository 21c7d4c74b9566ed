import { type Clock, describe, type Log } from '../../base/index.ts';
import { reopenLog } from '../conmon/control.ts';
import type { RuntimePaths } from '../paths.ts';
import type { Run } from '../run.ts';
import { boundLog } from './cut.ts';
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

  /** To be called when a run begins; `soon` when its log may have grown while nobody looked. */
  wake(soon = false): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#clock.later(soon ? 0 : INTERVAL, () => {
      this.#waiting = false;
      void this.#look();
    });
  }

  /** Of a run that has ended: nothing rotates its log any more. */
  async ended(run: Run): Promise<void> {
    const { id, log } = run.record;
    try {
      if (log.enabled) await boundLog(this.#paths.logDirectory(id), log, 'none');
    } catch (error) {
      this.#log.warn('a log could not be cut', { id, error: describe(error) });
    }
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
        await boundLog(this.#paths.logDirectory(run.record.id), run.record.log, run.reopening ? 'renamed' : 'current');
      } catch (error) {
        if (!run.exit) this.#log.warn('a log could not be rotated', { id: run.record.id, error: describe(error) });
      }
    }
    if (busy) this.wake();
  }
}
