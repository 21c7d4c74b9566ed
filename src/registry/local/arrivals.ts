/** Files that are about to get their first holder: nobody may free them between the file and its row. */
export class Arrivals {
  readonly #arriving = new Map<string, number>();

  has(digest: string): boolean {
    return this.#arriving.has(digest);
  }

  async during<T>(digest: string, work: () => Promise<T>): Promise<T> {
    this.#arriving.set(digest, (this.#arriving.get(digest) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const left = (this.#arriving.get(digest) ?? 1) - 1;
      if (left > 0) this.#arriving.set(digest, left);
      else this.#arriving.delete(digest);
    }
  }
}
