export interface WaitResult {
  exitCode: number;
  error?: string;
}

type Condition = 'exit' | 'stopped' | 'removed';

/**
 * Those who wait for a container: for its next exit, for the end of its last restart, for its removal.
 * An aborted wait leaves nothing behind.
 */
export class Waiters {
  #waiting = new Map<string, Set<{ condition: Condition; settle: (result: WaitResult) => void }>>();

  /** Registered when the call returns. */
  add(id: string, condition: Condition, signal: AbortSignal): Promise<WaitResult> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const all = this.#waiting.get(id) ?? new Set();
      const leave = () => {
        all.delete(entry);
        if (all.size === 0 && this.#waiting.get(id) === all) this.#waiting.delete(id);
        signal.removeEventListener('abort', abort);
      };
      const abort = () => {
        leave();
        reject(signal.reason);
      };
      const entry = {
        condition,
        settle: (result: WaitResult) => {
          leave();
          resolve(result);
        },
      };
      all.add(entry);
      this.#waiting.set(id, all);
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  /** The process has ended; `final` when no restart follows. */
  exited(id: string, result: WaitResult, final: boolean): void {
    this.#settle(id, result, final ? ['exit', 'stopped'] : ['exit']);
  }

  /** No restart follows after all. */
  stopped(id: string, result: WaitResult): void {
    this.#settle(id, result, ['stopped']);
  }

  removed(id: string, result: WaitResult): void {
    this.#settle(id, result, ['exit', 'stopped', 'removed']);
  }

  #settle(id: string, result: WaitResult, conditions: Condition[]): void {
    for (const waiter of [...(this.#waiting.get(id) ?? [])]) if (conditions.includes(waiter.condition)) waiter.settle(result);
  }
}
