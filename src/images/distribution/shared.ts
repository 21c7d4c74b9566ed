/** Work that several callers may want at once: it runs once, all get its result, and it is cancelled when none is left. */
export class SharedWork<P> {
  readonly #running = new Map<string, Running<P>>();

  /**
   * Joins the work under `key`, or starts it. `onProgress` gets the latest report at once and every later one.
   * Rejects with the signal's reason when the caller's signal aborts; the others go on.
   */
  async join(
    key: string,
    start: (report: (progress: P) => void, signal: AbortSignal) => Promise<void>,
    onProgress: (progress: P) => void,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted();
    let work = this.#running.get(key);
    if (!work || work.cancel.signal.aborted) {
      work = this.#start(start, work?.result);
      this.#running.set(key, work);
      const mine = work;
      const forget = () => void (this.#running.get(key) === mine && this.#running.delete(key));
      work.result.then(forget, forget);
    } else if (work.last !== undefined) onProgress(work.last);
    await follow(work, onProgress, signal);
  }

  /** `before` is cancelled work that has not ended yet: the two never run at once. */
  #start(start: (report: (progress: P) => void, signal: AbortSignal) => Promise<void>, before: Promise<void> | undefined): Running<P> {
    const cancel = new AbortController();
    const listeners = new Set<(progress: P) => void>();
    const work: Running<P> = { cancel, listeners, last: undefined, result: Promise.resolve() };
    const report = (progress: P) => {
      work.last = progress;
      for (const listener of listeners) listener(progress);
    };
    // A turn later, so that the first report finds its listener.
    work.result = Promise.resolve(before)
      .catch(() => {})
      .then(() => start(report, cancel.signal));
    return work;
  }
}

interface Running<P> {
  cancel: AbortController;
  listeners: Set<(progress: P) => void>;
  last: P | undefined;
  result: Promise<void>;
}

async function follow<P>(work: Running<P>, onProgress: (progress: P) => void, signal: AbortSignal): Promise<void> {
  // An own function per caller, in case one listens twice.
  const listener = (progress: P) => onProgress(progress);
  work.listeners.add(listener);
  let leave: (() => void) | undefined;
  const left = new Promise<never>((_, reject) => {
    leave = () => reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
  });
  try {
    await Promise.race([work.result, left]);
  } catch (error) {
    // The last one to leave waits until the work has really ended, so that nothing goes on behind its back.
    if (signal.aborted && work.listeners.size === 1) {
      work.cancel.abort(signal.reason);
      await work.result.catch(() => {});
    }
    throw error;
  } finally {
    work.listeners.delete(listener);
    if (leave) signal.removeEventListener('abort', leave);
  }
}
