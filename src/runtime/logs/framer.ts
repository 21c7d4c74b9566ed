/**
 * Turns lines of conmon's log into what a client reads. A line is `TIMESTAMP stream TAG text` (CRI's log format):
 * TIMESTAMP has 35 bytes, as conmon writes it in UTC, stream is stdout or stderr, and TAG is F for the end of a line
 * of the program or P for a part of one, to which conmon has added a newline.
 */
export interface FramerOptions {
  framing: 'multiplexed' | 'raw';
  stdout: boolean;
  stderr: boolean;
  timestamps: boolean;
  detailsPrefix: string;
  /** As the first 29 bytes of a timestamp; '' for none. */
  since: string;
  until: string;
}

const TIMESTAMP = 35;
/** Seconds and nanoseconds without the zone. */
const INSTANT = 29;
const TAG = 43;
const PREFIX = 45;
const NEWLINE = 10;
const SPACE = 32;
const F = 0x46;
const P = 0x50;
/** Third letter from the start of the stream's name: stdOut or stdErr. */
const LETTER_O = 0x6f;
/** Beyond this length the native search and copy win over a loop. */
const LONG = 192;

export class LogFramer {
  #options: FramerOptions;
  #details: Buffer;
  #skipping: boolean;
  /** By stream: the program's current line has begun. */
  #open = [false, false, false];
  #done = false;

  constructor(options: FramerOptions) {
    this.#options = options;
    this.#details = Buffer.from(options.detailsPrefix);
    this.#skipping = options.since !== '';
  }

  /** A line after `until` was met: nothing more will come. */
  get done(): boolean {
    return this.#done;
  }

  /** Frames the complete lines in `input`, which ends with a newline. Returns a new buffer. */
  frame(input: Buffer): Buffer {
    const { framing, timestamps, until } = this.#options;
    const multiplexed = framing === 'multiplexed';
    const details = this.#details;
    // Without details nothing grows: header and timestamp are shorter than the prefix that they replace.
    const output = Buffer.allocUnsafeSlow(input.length + (details.length === 0 ? 0 : Math.ceil(input.length / PREFIX) * details.length));
    const end = input.length;
    let out = 0;
    let next = 0;
    for (let at = 0; at < end; at = next) {
      const regular =
        at + PREFIX < end && input[at + TIMESTAMP] === SPACE && input[at + TAG - 1] === SPACE && input[at + PREFIX - 1] === SPACE;
      const tag = input[at + TAG];
      if (!regular || (tag !== F && tag !== P)) {
        // Not a line of conmon: the rest of one that a full disk cut off.
        next = input.indexOf(NEWLINE, at) + 1;
        continue;
      }
      const stream = input[at + 39] === LETTER_O ? 1 : 2;
      if (!this.#wanted(input, at, stream, until)) {
        if (this.#done) break;
        next = input.indexOf(NEWLINE, at + PREFIX) + 1;
        continue;
      }
      const header = out;
      if (multiplexed) out += 8;
      if (!this.#open[stream]) {
        if (timestamps) out = putTimestamp(input, at, output, out);
        if (details.length > 0) out += details.copy(output, out);
      }
      const full = tag === F;
      this.#open[stream] = !full;
      // Most lines are short: one pass finds the end and copies.
      let read = at + PREFIX;
      const short = Math.min(end, read + LONG);
      let byte = 0;
      while (read < short) {
        byte = input[read++] as number;
        output[out++] = byte;
        if (byte === NEWLINE) break;
      }
      if (byte !== NEWLINE) {
        const stop = input.indexOf(NEWLINE, read) + 1;
        output.set(input.subarray(read, stop), out);
        out += stop - read;
        read = stop;
      }
      if (!full) out -= 1;
      next = read;
      if (multiplexed) putHeader(output, header, stream, out - header - 8);
    }
    return output.subarray(0, out);
  }

  #wanted(input: Buffer, at: number, stream: 1 | 2, until: string): boolean {
    if (this.#skipping) {
      if (input.toString('latin1', at, at + INSTANT) < this.#options.since) return false;
      this.#skipping = false;
    }
    if (until !== '' && input.toString('latin1', at, at + INSTANT) > until) {
      this.#done = true;
      return false;
    }
    return stream === 1 ? this.#options.stdout : this.#options.stderr;
  }
}

function putTimestamp(input: Buffer, at: number, output: Buffer, out: number): number {
  input.copy(output, out, at, at + INSTANT);
  output[out + INSTANT] = 0x5a;
  output[out + INSTANT + 1] = SPACE;
  return out + INSTANT + 2;
}

/** Docker's frame header: stream, three zeros, length (big-endian). */
function putHeader(output: Buffer, at: number, stream: number, length: number): void {
  output[at] = stream;
  output[at + 1] = 0;
  output[at + 2] = 0;
  output[at + 3] = 0;
  output[at + 4] = length >>> 24;
  output[at + 5] = (length >>> 16) & 255;
  output[at + 6] = (length >>> 8) & 255;
  output[at + 7] = length & 255;
}
