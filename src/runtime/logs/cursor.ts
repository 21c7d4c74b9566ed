import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../../base/index.ts';
import { CURRENT, fileState, listSegments, type Segment } from './segments.ts';

const CHUNK = 512 * 1024;
const NEWLINE = 10;

/**
 * Reads whole lines through the files of a log, oldest to newest, also while they are rotated: a file that was
 * renamed or removed under the cursor is read to its end first, for conmon writes to it until it has opened the next one.
 */
export class LogCursor implements AsyncDisposable {
  #directory: string;
  #file: FileHandle | undefined;
  #inode = 0n;
  #number = 0;
  #position = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Begins at byte `position` of `segment`. False when the file is gone. */
  async enter(segment: Segment, position = 0): Promise<boolean> {
    let file: FileHandle;
    try {
      file = await open(segment.path, 'r');
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false;
      throw error;
    }
    await this.#file?.close();
    this.#file = file;
    this.#inode = (await file.stat({ bigint: true })).ino;
    this.#number = segment.number;
    this.#position = position;
    this.#rest = Buffer.alloc(0);
    return true;
  }

  /** The next complete lines; undefined at the end of this file. */
  async read(): Promise<Buffer | undefined> {
    if (!this.#file) return undefined;
    for (;;) {
      const buffer = Buffer.allocUnsafeSlow(this.#rest.length + CHUNK);
      buffer.set(this.#rest);
      const { bytesRead } = await this.#file.read(buffer, this.#rest.length, CHUNK, this.#position);
      if (bytesRead === 0) return undefined;
      this.#position += bytesRead;
      const filled = this.#rest.length + bytesRead;
      const newline = buffer.subarray(0, filled).lastIndexOf(NEWLINE);
      this.#rest = Buffer.from(buffer.subarray(newline + 1, filled));
      if (newline >= 0) return buffer.subarray(0, newline + 1);
    }
  }

  /** Whether this file has grown since the last read. */
  async hasMore(): Promise<boolean> {
    return this.#file ? (await this.#file.stat()).size > this.#position : (await listSegments(this.#directory)).length > 0;
  }

  /**
   * Goes on to the next file. `none` when this one is the newest and still the one that is written to,
   * `again` when it was renamed only now, so that its end must be read once more.
   */
  async advance(): Promise<'moved' | 'again' | 'none'> {
    if (!this.#file) return (await this.#enterAfter(-1)) ? 'moved' : 'none';
    if (this.#number === Number.POSITIVE_INFINITY) {
      const current = await fileState(join(this.#directory, CURRENT));
      // While there is no new current file conmon still writes to this one.
      if (current === undefined || current.inode === this.#inode) return 'none';
      this.#number = await this.#numberOfOwnFile();
      return 'again';
    }
    return (await this.#enterAfter(this.#number)) ? 'moved' : 'none';
  }

  async #enterAfter(number: number): Promise<boolean> {
    for (;;) {
      const next = (await listSegments(this.#directory)).find((segment) => segment.number > number);
      if (!next) return false;
      if (!(await this.enter(next))) continue;
      if (next.number !== Number.POSITIVE_INFINITY) return true;
      // A rotation between listing and opening would make us skip a file.
      const skipped = (await listSegments(this.#directory)).find((segment) => segment.number > number);
      if (skipped?.number === Number.POSITIVE_INFINITY || skipped === undefined) return true;
    }
  }

  /** Under which number the file was rotated; when it is removed already, everything that is left comes after it. */
  async #numberOfOwnFile(): Promise<number> {
    for (const segment of await listSegments(this.#directory)) {
      if (segment.number !== Number.POSITIVE_INFINITY && (await fileState(segment.path))?.inode === this.#inode) return segment.number;
    }
    return -1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }
}
