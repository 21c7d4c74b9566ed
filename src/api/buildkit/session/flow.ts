/** Values on their way from one who pushes to one who iterates, once. */
export class Flow<T> implements AsyncIterable<T> {
  readonly #taken: (value: T) => void;
  #values: T[] = [];
  #next = 0;
  #wake: (() => void) | undefined;
  #failure: { error: unknown } | undefined;
  ended = false;
  /** Nobody wants the rest. */
  discarded = false;

  /** `taken` is told of each value as it leaves, also when it is thrown away. */
  constructor(taken: (value: T) => void = () => {}) {
    this.#taken = taken;
  }

  push(value: T): void {
    this.#values.push(value);
    this.#wake?.();
  }

  end(): void {
    this.ended = true;
    this.#wake?.();
  }

  fail(error: unknown): void {
    if (this.ended) return;
    this.#failure = { error };
    this.#wake?.();
  }

  discard(): void {
    this.discarded = true;
    for (const value of this.#values.slice(this.#next)) this.#taken(value);
    this.#values = [];
    this.#next = 0;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      while (this.#next < this.#values.length) {
        const value = this.#values[this.#next] as T;
        this.#next += 1;
        if (this.#next === this.#values.length) {
          this.#values = [];
          this.#next = 0;
        }
        this.#taken(value);
        yield value;
      }
      if (this.#failure) throw this.#failure.error;
      if (this.ended) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
  }
}
