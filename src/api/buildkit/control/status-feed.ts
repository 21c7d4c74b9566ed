import type { Clock } from '../../../base/index.ts';
import type { BuildEvent, BuildStep } from '../../../build/index.ts';
import type { Sparse } from '../wire/codec.ts';
import type { StatusResponse } from '../wire/control.ts';
import { encodeLog, encodeProgress, encodeStep, encodeWarning } from './encode-status.ts';

type Update = Sparse<ReturnType<typeof StatusResponse.decode>>;
type Progress = Extract<BuildEvent, { kind: 'progress' }>;

/** Milliseconds between two updates: fluent to the eye, and few messages. */
const PACE = 60;
/** Bytes of output kept for a client that is slow to read, or has not asked yet. */
const KEPT_OUTPUT = 4 * 1024 * 1024;
/** Bytes of output in one update; gRPC allows 16 MiB. */
const UPDATE_OUTPUT = 1024 * 1024;

/** How a build goes, gathered until its client takes it: of a step and of a progress only the newest state counts. */
export class StatusFeed {
  readonly #clock: Clock;
  #steps = new Map<string, BuildStep>();
  #progress = new Map<string, Progress>();
  #logs: Extract<BuildEvent, { kind: 'log' }>[] = [];
  #warnings: Extract<BuildEvent, { kind: 'warning' }>[] = [];
  #logBytes = 0;
  #clipped = false;
  #ended = false;
  #wake: (() => void) | undefined;
  #readers = 0;
  #everRead = false;
  readonly #drained = Promise.withResolvers<void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  observe(event: BuildEvent): void {
    if (this.#ended || (event.kind === 'step' && event.step.configuration)) return;
    if (event.kind === 'step') this.#steps.set(event.step.id, event.step);
    else if (event.kind === 'progress') this.#progress.set(`${event.stepId} ${event.id}`, event);
    else if (event.kind === 'warning') this.#warnings.push(event);
    else this.#keepLog(event);
    this.#wake?.();
  }

  /** After the last event. Resolves when the client has got everything, or `patience` (milliseconds) passed: a quick build may end before its client asks. */
  async end(patience: number): Promise<void> {
    this.#ended = true;
    this.#wake?.();
    if (this.#readers === 0 && this.#everRead) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#clock.later(patience, resolve);
    await Promise.race([this.#drained.promise, promise]);
    cancel();
  }

  /** Ends with the build. What one reader took, another does not see. */
  async *updates(signal: AbortSignal): AsyncGenerator<Update> {
    this.#readers += 1;
    this.#everRead = true;
    const stop = () => this.#wake?.();
    signal.addEventListener('abort', stop, { once: true });
    try {
      for (;;) {
        signal.throwIfAborted();
        const update = this.#take();
        if (update) {
          yield update;
          if (!this.#ended) await this.#clock.sleep(PACE, signal);
        } else if (this.#ended) {
          return;
        } else {
          await new Promise<void>((resolve) => (this.#wake = resolve));
          this.#wake = undefined;
        }
      }
    } finally {
      signal.removeEventListener('abort', stop);
      this.#readers -= 1;
      if (this.#readers === 0) this.#drained.resolve();
    }
  }

  #keepLog(event: Extract<BuildEvent, { kind: 'log' }>): void {
    if (this.#logBytes > KEPT_OUTPUT) {
      if (!this.#clipped) this.#logs.push({ ...event, stream: 2, data: Buffer.from('\n[output clipped: the client reads too slowly]\n') });
      this.#clipped = true;
      return;
    }
    this.#clipped = false;
    this.#logBytes += event.data.length;
    this.#logs.push(event);
  }

  #take(): Update | undefined {
    if (this.#steps.size + this.#progress.size + this.#logs.length + this.#warnings.length === 0) return undefined;
    const logs = this.#takeLogs();
    const update = {
      vertexes: [...this.#steps.values()].map(encodeStep),
      statuses: [...this.#progress.values()].map(encodeProgress),
      logs: logs.map(encodeLog),
      warnings: this.#warnings.map(encodeWarning),
    };
    this.#steps = new Map();
    this.#progress = new Map();
    this.#warnings = [];
    return update;
  }

  #takeLogs() {
    let bytes = 0;
    let count = 0;
    while (count < this.#logs.length && bytes < UPDATE_OUTPUT) bytes += this.#logs[count++]?.data.length ?? 0;
    this.#logBytes = count === this.#logs.length ? 0 : this.#logBytes - bytes;
    return this.#logs.splice(0, count);
  }
}
