import type { StreamSession } from '../runtime.ts';
import type { StreamHub } from './hub.ts';

/** One reader of a hub. Holds what arrives before a listener is set or while paused; the hub bounds how much. */
export class HubSession implements StreamSession {
  #hub: StreamHub;
  #output: ((stream: 1 | 2, data: Uint8Array) => void) | undefined;
  #end: (() => void) | undefined;
  #drains: (() => void)[] = [];
  #held: { stream: 1 | 2; data: Uint8Array }[] = [];
  #paused = false;
  #ended = false;
  #closed = false;
  #toldEnd = false;
  #wrote = false;

  constructor(hub: StreamHub) {
    this.#hub = hub;
  }

  /** True when the hub should stop reading for this session's sake. */
  get blocking(): boolean {
    return !this.#closed && (this.#paused || this.#output === undefined);
  }

  onOutput(listener: (stream: 1 | 2, data: Uint8Array) => void): void {
    this.#output = listener;
    this.#flush();
    this.#hub.flowChanged();
  }

  onEnd(listener: () => void): void {
    this.#end = listener;
    this.#flush();
  }

  onDrain(listener: () => void): void {
    this.#drains.push(listener);
  }

  write(data: Uint8Array): boolean {
    this.#wrote = true;
    return this.#hub.write(data);
  }

  endInput(): void {
    this.#hub.endInput();
  }

  pause(): void {
    this.#paused = true;
    this.#hub.flowChanged();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#flush();
    this.#hub.flowChanged();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#held = [];
    // A writer that goes away is the end of the input, as far as that ends at all.
    if (this.#wrote) this.#hub.endInput();
    this.#hub.leave(this);
  }

  /** Called by the hub; `data` may be the hub's own buffer. */
  deliver(stream: 1 | 2, data: Uint8Array): void {
    if (this.#closed) return;
    if (this.blocking || this.#held.length > 0) this.#held.push({ stream, data: Uint8Array.prototype.slice.call(data) });
    else this.#output?.(stream, data);
  }

  drained(): void {
    for (const listener of this.#drains) listener();
  }

  finish(): void {
    this.#ended = true;
    this.#flush();
  }

  #flush(): void {
    while (!this.#paused && this.#output && !this.#closed) {
      const next = this.#held.shift();
      if (!next) break;
      this.#output(next.stream, next.data);
    }
    if (this.#ended && this.#held.length === 0 && this.#end && !this.#toldEnd && !this.#closed) {
      this.#toldEnd = true;
      this.#end();
    }
  }
}
