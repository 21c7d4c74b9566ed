/**
 * Steps that are being made now, by key: whoever wants the same step meanwhile waits for it. When the one who makes it gives
 * up, another of those who wait makes it.
 */
export class MadeSteps {
  readonly #going = new Map<string, Promise<unknown>>();

  async join<T>(key: string, signal: AbortSignal, make: () => Promise<T>, shared: (made: T) => T | Promise<T>): Promise<T> {
    for (;;) {
      signal.throwIfAborted();
      const going = this.#going.get(key) as Promise<T> | undefined;
      if (!going) return await this.#make(key, make);
      const made = await settled(going, signal);
      if ('value' in made) return await shared(made.value);
      // Failed for everybody, or only given up: who still wants it tries for itself, and learns why.
    }
  }

  async #make<T>(key: string, make: () => Promise<T>): Promise<T> {
    const work = make();
    this.#going.set(key, work);
    try {
      return await work;
    } finally {
      this.#going.delete(key);
    }
  }
}

/** How a promise ended, or the signal's reason when that comes first. */
function settled<T>(work: Promise<T>, signal: AbortSignal): Promise<{ value: T } | { error: unknown }> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    const end = (result: { value: T } | { error: unknown }) => {
      signal.removeEventListener('abort', stop);
      resolve(result);
    };
    work.then(
      (value) => end({ value }),
      (error) => end({ error }),
    );
  });
}
