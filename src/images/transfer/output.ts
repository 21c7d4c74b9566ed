import type { Writable } from 'node:stream';
import { encodeTarHeader, paddingOf, tarEnd } from '../../base/index.ts';

/** Writes at the pace of the reader. Rejects when the output is closed before all is written, or the signal aborts. */
export class Output {
  readonly #stream: Writable;
  readonly #signal: AbortSignal;
  #failure: Error | undefined;

  constructor(stream: Writable, signal: AbortSignal) {
    this.#stream = stream;
    this.#signal = signal;
    stream.on('error', (error: Error) => {
      this.#failure ??= error;
    });
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#check();
    if (!this.#stream.write(chunk)) await this.#drained();
  }

  /** One file of a tar, from bytes or from a stream of exactly `size` bytes. */
  async tarFile(name: string, size: number, content: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
    await this.write(encodeTarHeader({ type: 'file', name, size, mode: 0o644 }));
    if (content instanceof Uint8Array) await this.write(content);
    else for await (const chunk of content) await this.write(chunk);
    if (paddingOf(size) > 0) await this.write(Buffer.alloc(paddingOf(size)));
  }

  async tarDirectory(name: string): Promise<void> {
    await this.write(encodeTarHeader({ type: 'directory', name, mode: 0o755 }));
  }

  async tarEnd(): Promise<void> {
    await this.write(tarEnd());
  }

  #check(): void {
    this.#signal.throwIfAborted();
    if (this.#failure) throw this.#failure;
    if (this.#stream.destroyed) throw new Error('the output was closed before all was written');
  }

  #drained(): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        this.#stream.off('drain', settle);
        this.#stream.off('close', settle);
        this.#stream.off('error', settle);
        this.#signal.removeEventListener('abort', settle);
        try {
          this.#check();
          resolve();
        } catch (error) {
          reject(error);
        }
      };
      this.#stream.on('drain', settle);
      this.#stream.on('close', settle);
      this.#stream.on('error', settle);
      this.#signal.addEventListener('abort', settle, { once: true });
    });
  }
}
