import { type FileHandle, open } from 'node:fs/promises';

const READ_SIZE = 256 * 1024;

/**
 * A file that one side writes while others already read it from the start: a slow reader does not hold up the writer,
 * and a broken transfer can go on where it stopped. Readers end when the writer says so, and fail when it fails.
 */
export class GrowingFile implements AsyncDisposable {
  readonly #file: FileHandle;
  /** Bytes that are there. */
  size: number;
  #ended: { error?: unknown } | undefined;
  #waiting: (() => void)[] = [];

  private constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.size = size;
  }

  /** Keeps what is in the file already. */
  static async open(path: string): Promise<GrowingFile> {
    // Not O_APPEND: a restart writes from the beginning.
    const file = await open(path, 'r+').catch(() => open(path, 'w+', 0o600));
    return new GrowingFile(file, (await file.stat()).size);
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let done = 0; done < chunk.length; )
      done += (await this.#file.write(chunk, done, chunk.length - done, this.size + done)).bytesWritten;
    this.size += chunk.length;
    this.#wake();
  }

  /** Drops everything; only while nobody reads. */
  async clear(): Promise<void> {
    await this.#file.truncate(0);
    this.size = 0;
  }

  /** No more bytes come, and those that came are good. */
  end(): void {
    this.#ended ??= {};
    this.#wake();
  }

  fail(error: unknown): void {
    this.#ended ??= { error };
    this.#wake();
  }

  /** From byte `offset` on, until the writer ends. With `reuse` a piece is good until the next one is asked for, which saves garbage. */
  async *read(offset = 0, { reuse = false } = {}): AsyncGenerator<Buffer, void, undefined> {
    const shared = reuse ? Buffer.allocUnsafeSlow(READ_SIZE) : undefined;
    let position = offset;
    for (;;) {
      if (this.#ended && 'error' in this.#ended) throw this.#ended.error;
      if (position < this.size) {
        const wanted = Math.min(READ_SIZE, this.size - position);
        const { buffer, bytesRead } = await this.#file.read(shared ?? Buffer.allocUnsafe(wanted), 0, wanted, position);
        position += bytesRead;
        yield buffer.subarray(0, bytesRead);
      } else if (this.#ended) return;
      else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Resolves when there is something to read, or nothing will come. */
  async begun(): Promise<void> {
    while (this.size === 0 && !this.#ended) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.fail(new Error('the file was closed'));
    await this.#file.close();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
