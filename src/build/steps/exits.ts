import type { ExitRecord, Runtime } from '../../runtime/index.ts';

/** Who waits for the end of which process. One listener at the runtime for all steps. */
export class ProcessExits {
  readonly #waiting = new Map<string, (exit: ExitRecord) => void>();

  constructor(runtime: Runtime) {
    runtime.onExit((exit) => {
      this.#waiting.get(exit.id)?.(exit);
      this.#waiting.delete(exit.id);
    });
  }

  /** Ask before the process is let go. */
  of(id: string): Promise<ExitRecord> {
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  forget(id: string): void {
    this.#waiting.delete(id);
  }
}
