import { closeSync, fstatSync, ftruncateSync, openSync, statfsSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const SIZE = 4 * 1024 * 1024;
/** Given back at a time: who fills the disk (a container's log) takes what the database leaves of it. */
const SLICE = 128 * 1024;
/** The disk must have this many times the reserve free before it is taken. */
const PLENTY = 4;

/**
 * Disk space held back in a file of zeros, so that a full disk keeps nobody from stopping and removing what fills it:
 * without a row that can be written, nothing could ever be removed again.
 */
export class Reserve {
  readonly #path: string;
  #size: number;

  constructor(path: string) {
    this.#path = path;
    this.#size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    this.refill();
  }

  /** Gives a slice back to the file system. False when none is left. */
  release(): boolean {
    if (this.#size === 0) return false;
    this.#resize((fd) => ftruncateSync(fd, Math.max(0, this.#size - SLICE)));
    return true;
  }

  /** Takes back what was given, when the disk has room enough. */
  refill(): void {
    if (this.#size === SIZE) return;
    const { bavail, bsize } = statfsSync(dirname(this.#path));
    if (bavail * bsize < PLENTY * SIZE) return;
    this.#resize((fd) => writeSync(fd, Buffer.alloc(SIZE - this.#size)));
  }

  #resize(work: (fd: number) => unknown): void {
    const fd = openSync(this.#path, 'a+', 0o600);
    try {
      work(fd);
      this.#size = fstatSync(fd).size;
    } finally {
      closeSync(fd);
    }
  }
}
