/**
 * Bytes between the event loop and an archive worker, through shared memory: one side waits without blocking the loop,
 * the other blocks its own thread and so can use the file system's plain, fast, synchronous calls.
 * One writer, one reader.
 */
const CAPACITY = 4 * 1024 * 1024;
const CONTROL_BYTES = 64;
// Cells of the control block. Each side counts its changes, so that none is missed between looking and sleeping.
const WRITTEN = 0;
const READ = 1;
const WRITER_STATE = 2;
const READER_CLOSED = 3;
const WRITER_CHANGES = 4;
const READER_CHANGES = 5;
/** Set while the side on the event loop waits for the other; the worker then sends a message, as nothing else wakes a loop for sure. */
const LOOP_WAITS = 6;
// The loop is woken for a good piece of work only.
const WAKE_ROOM = CAPACITY / 2;
const WAKE_BYTES = CAPACITY / 8;
const OPEN = 0;
const ENDED = 1;
const ABORTED = 2;

/** The other side is gone: its own error tells why. */
export class RingClosed extends Error {}

/** Where a worker writes. */
export abstract class Sink {
  /** At least one free byte, contiguous: fill its beginning, then say `wrote`. */
  abstract roomBlocking(): Buffer;
  abstract wrote(count: number): void;

  writeBlocking(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      const room = this.roomBlocking();
      const count = Math.min(room.length, chunk.length - at);
      room.set(chunk.subarray(at, at + count));
      this.wrote(count);
      at += count;
    }
  }
}

export class Ring extends Sink {
  readonly memory: SharedArrayBuffer;
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #data: Buffer;

  readonly #wakeLoop: (() => void) | undefined;
  #woken: (() => void) | undefined;
  /** Whether the worker is the reader. */
  #reading = false;

  /** In the worker: the memory that came with the job, and how to wake the loop (which then calls `wake`). */
  constructor(memory?: SharedArrayBuffer, wakeLoop?: () => void) {
    super();
    this.#wakeLoop = wakeLoop;
    this.memory = memory ?? new SharedArrayBuffer(CONTROL_BYTES + CAPACITY);
    this.#control = new Int32Array(this.memory, 0, CONTROL_BYTES / 4);
    this.#data = Buffer.from(this.memory as unknown as ArrayBuffer, CONTROL_BYTES, CAPACITY);
  }

  /** On the event loop: the worker has sent for it. */
  wake(): void {
    this.#woken?.();
  }

  // Writer's side.

  /** Copies all of `chunk` in; waits on the event loop while there is no room. */
  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      const seen = this.#get(READER_CHANGES);
      const room = this.#room();
      if (room.length === 0) {
        await this.#changed(() => this.#get(READER_CHANGES) === seen);
        continue;
      }
      const count = Math.min(room.length, chunk.length - at);
      room.set(chunk.subarray(at, at + count));
      this.wrote(count);
      at += count;
    }
  }

  roomBlocking(): Buffer {
    for (;;) {
      const seen = this.#get(READER_CHANGES);
      const room = this.#room();
      if (room.length > 0) return room;
      Atomics.wait(this.#control, READER_CHANGES, seen);
    }
  }

  wrote(count: number): void {
    Atomics.add(this.#control, WRITTEN, count);
    this.#tell(WRITER_CHANGES);
  }

  end(): void {
    Atomics.compareExchange(this.#control, WRITER_STATE, OPEN, ENDED);
    this.#tell(WRITER_CHANGES);
  }

  /** What was written must not be taken for whole. */
  abort(): void {
    Atomics.store(this.#control, WRITER_STATE, ABORTED);
    this.#tell(WRITER_CHANGES);
  }

  // Reader's side.

  /** Bytes to read, a view: use them, then say `consumed`. Undefined at the end. */
  async available(): Promise<Buffer | undefined> {
    for (;;) {
      const seen = this.#get(WRITER_CHANGES);
      const state = this.#get(WRITER_STATE);
      const view = this.#readable(state);
      if (view.length > 0 || state === ENDED) return view.length > 0 ? view : undefined;
      await this.#changed(() => this.#get(WRITER_CHANGES) === seen);
    }
  }

  availableBlocking(): Buffer | undefined {
    this.#reading = true;
    for (;;) {
      const seen = this.#get(WRITER_CHANGES);
      const state = this.#get(WRITER_STATE);
      const view = this.#readable(state);
      if (view.length > 0 || state === ENDED) return view.length > 0 ? view : undefined;
      Atomics.wait(this.#control, WRITER_CHANGES, seen);
    }
  }

  consumed(count: number): void {
    Atomics.add(this.#control, READ, count);
    this.#tell(READER_CHANGES);
  }

  /** Nothing more will be read: a writer that waits or comes back fails with `RingClosed`. */
  closeReader(): void {
    Atomics.store(this.#control, READER_CLOSED, 1);
    this.#tell(READER_CHANGES);
  }

  #room(): Buffer {
    if (this.#get(READER_CLOSED) === 1) throw new RingClosed('the reader is gone');
    if (this.#get(WRITER_STATE) === ABORTED) throw new RingClosed('the writing was broken off');
    const written = this.#get(WRITTEN) >>> 0;
    const free = CAPACITY - ((written - this.#get(READ)) >>> 0);
    const start = written % CAPACITY;
    return this.#data.subarray(start, start + Math.min(free, CAPACITY - start));
  }

  #readable(state: number): Buffer {
    if (state === ABORTED) throw new RingClosed('the writer broke off');
    const read = this.#get(READ) >>> 0;
    const count = (this.#get(WRITTEN) - read) >>> 0;
    const start = read % CAPACITY;
    return this.#data.subarray(start, start + Math.min(count, CAPACITY - start));
  }

  #get(cell: number): number {
    return Atomics.load(this.#control, cell);
  }

  #tell(cell: number): void {
    Atomics.add(this.#control, cell, 1);
    if (!this.#wakeLoop) {
      Atomics.notify(this.#control, cell);
      // An abort may come while this side itself waits.
      return this.wake();
    }
    if (this.#get(LOOP_WAITS) === 1 && this.#worthWaking() && Atomics.exchange(this.#control, LOOP_WAITS, 0) === 1) this.#wakeLoop();
  }

  #worthWaking(): boolean {
    if (this.#get(WRITER_STATE) !== OPEN || this.#get(READER_CLOSED) === 1) return true;
    const held = (this.#get(WRITTEN) - this.#get(READ)) >>> 0;
    return this.#reading ? CAPACITY - held >= WAKE_ROOM : held >= WAKE_BYTES;
  }

  async #changed(same: () => boolean): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#woken = resolve;
    });
    Atomics.store(this.#control, LOOP_WAITS, 1);
    // Between looking and saying so, the worker may have gone on.
    if (same()) await woken;
    Atomics.store(this.#control, LOOP_WAITS, 0);
  }
}
