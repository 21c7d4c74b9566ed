import { type Clock, describe, parseNanoseconds, sha256 } from '../../base/index.ts';
import type { BuildEvent, BuildStep, DockerfileSourceText, DockerfileWarning } from '../builder.ts';

/** Tells how a build goes. Steps may be announced long before they start. */
export class Progress {
  readonly #observe: (event: BuildEvent) => void;
  readonly #clock: Clock;
  readonly #buildId: string;
  #steps = 0;

  constructor(options: { observe: (event: BuildEvent) => void; clock: Clock; buildId: string }) {
    this.#observe = options.observe;
    this.#clock = options.clock;
    this.#buildId = options.buildId;
  }

  /** Nanoseconds since the epoch. */
  now(): bigint {
    return parseNanoseconds(this.#clock.timestamp()) ?? 0n;
  }

  announce(name: string, inputs: readonly string[] = [], instruction?: BuildStep['instruction']): StepProgress {
    this.#steps += 1;
    const id = `sha256:${sha256(`${this.#buildId} ${this.#steps} ${name}`)}`;
    const step: BuildStep = { id, name, inputs: [...inputs], cached: false, ...(instruction === undefined ? {} : { instruction }) };
    this.tell({ kind: 'step', step });
    return new StepProgress(this, step);
  }

  /** An instruction that makes no layer has its turn. */
  passConfiguration(name: string, instruction: NonNullable<BuildStep['instruction']>, result?: BuildStep['result']): void {
    this.#steps += 1;
    const now = this.now();
    const id = `sha256:${sha256(`${this.#buildId} ${this.#steps} ${name}`)}`;
    const passed = { ...(result ? { result } : {}), cached: false, started: now, completed: now };
    this.tell({ kind: 'step', step: { id, name, inputs: [], instruction, configuration: true, ...passed } });
  }

  tell(event: BuildEvent): void {
    this.#observe(event);
  }
}

/** One step of the build, as far as people see it. */
export class StepProgress {
  readonly #progress: Progress;
  #step: BuildStep;

  constructor(progress: Progress, step: BuildStep) {
    this.#progress = progress;
    this.#step = step;
  }

  get id(): string {
    return this.#step.id;
  }

  get name(): string {
    return this.#step.name;
  }

  start(): void {
    if (this.#step.started !== undefined) return;
    this.#change({ started: this.#progress.now() });
  }

  /** Its process runs in this container from now on. */
  runIn(container: string): void {
    this.#change({ container });
  }

  complete(result?: BuildStep['result']): void {
    if (this.#step.completed !== undefined) return;
    this.start();
    this.#change({ completed: this.#progress.now(), ...(result ? { result } : {}) });
  }

  /** Done without doing. */
  completeCached(result: NonNullable<BuildStep['result']>): void {
    const now = this.#progress.now();
    this.#change({ started: this.#step.started ?? now, completed: now, cached: true, result });
  }

  fail(error: unknown): void {
    if (this.#step.completed !== undefined) return;
    this.start();
    this.#change({ completed: this.#progress.now(), error: describe(error) });
  }

  /** Nobody wants it any more: told only of a step that had begun. */
  cancel(): void {
    if (this.#step.completed !== undefined || this.#step.started === undefined) return;
    this.#change({ completed: this.#progress.now(), error: `${this.#step.name}: context canceled` });
  }

  /** Starts, and completes or fails with the work. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.start();
    try {
      const result = await work();
      this.complete();
      return result;
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }

  log(stream: 1 | 2, data: Uint8Array): void {
    this.#progress.tell({ kind: 'log', stepId: this.id, stream, time: this.#progress.now(), data });
  }

  warn(warning: DockerfileWarning, source: DockerfileSourceText): void {
    this.#progress.tell({ kind: 'warning', stepId: this.id, warning, source });
  }

  /** Something countable within the step; call with `done` at its end. */
  counter(id: string, name: string): (current: number, total: number, done?: boolean) => void {
    const started = this.#progress.now();
    return (current, total, done = false) =>
      this.#progress.tell({
        kind: 'progress',
        stepId: this.id,
        id,
        name,
        current,
        total,
        started,
        ...(done ? { completed: this.#progress.now() } : {}),
      });
  }

  #change(patch: Partial<BuildStep>): void {
    this.#step = { ...this.#step, ...patch };
    this.#progress.tell({ kind: 'step', step: this.#step });
  }
}
