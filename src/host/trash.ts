import { close, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path/posix';
import { type Clock, describe, errnoOf, type Ids, type Log } from '../base/index.ts';
import { detach } from './detach.ts';
import { ensureDirectory, removeTree } from './files.ts';
import { spreadDirectories } from './kernel/index.ts';
import { listMounts, unmount } from './mounts.ts';

/** Milliseconds: so long the reply to whoever removed something has to get out before the deleting begins. */
const PAUSE = 20;

interface Thrown {
  place: string;
  /** Relative to `place`. */
  mounted: string | undefined;
}

/**
 * `<dataRoot>/tmp`: what is unfinished, and what is on its way out. Removing is a rename, so it is whole or not at all; the deleting
 * follows at once, while nobody waits for it, and what a killed daemon did not get to goes when the next one starts.
 */
export class Trash {
  readonly folder: string;
  readonly #ids: Ids;
  readonly #clock: Clock;
  readonly #log: Log;
  #waiting: Thrown[] = [];
  #deleting: Promise<void> | undefined;
  #closing: Promise<void> = Promise.resolve();

  private constructor(folder: string, options: { ids: Ids; clock: Clock; log: Log }) {
    this.folder = folder;
    this.#ids = options.ids;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** Everything that is there is left over: half-made, or half-deleted. It is out of the way at once, so that its names are free. */
  static async open(dataRoot: string, options: { ids: Ids; clock: Clock; log: Log }): Promise<Trash> {
    const trash = new Trash(join(dataRoot, 'tmp'), options);
    ensureDirectory(trash.folder, 0o711);
    spreadDirectories(trash.folder);
    for (const { target } of listMounts(trash.folder).reverse()) await unmount(target, { lazy: true });
    for (const name of readdirSync(trash.folder)) trash.take(join(trash.folder, name));
    return trash;
  }

  /**
   * Idempotent. What is mounted at `mounted`, relative to `path`, moves along and is unmounted in the background too: that waits
   * until the kernel has written what is dirty.
   */
  take(path: string, mounted?: string): void {
    const place = join(this.folder, `trash-${this.#ids.next().slice(0, 26)}`);
    try {
      renameSync(path, place);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return;
      throw error;
    }
    this.#waiting.push({ place, mounted });
    this.#deleting ??= this.#clock.sleep(PAUSE).then(() => this.#empty());
  }

  /** Closes what `detach` held; one after the other, as each may hold one of the few threads of the event loop for long. */
  letGo(descriptors: readonly number[]): void {
    for (const descriptor of descriptors)
      this.#closing = this.#closing.then(() => new Promise((resolve) => close(descriptor, () => resolve())));
  }

  /** Resolves when nothing is being deleted or closed any more. */
  async idle(): Promise<void> {
    while (this.#deleting) await this.#deleting;
    await this.#closing;
  }

  /** One after the other. */
  async #empty(): Promise<void> {
    for (let thrown = this.#waiting.shift(); thrown; thrown = this.#waiting.shift()) {
      try {
        await this.#delete(thrown);
      } catch (error) {
        this.#log.warn('could not delete; the next start tries again', { path: thrown.place, error: describe(error) });
      }
    }
    this.#deleting = undefined;
  }

  async #delete({ place, mounted }: Thrown): Promise<void> {
    // What is deleted before the file system is let go need not be written any more.
    const held = mounted === undefined ? [] : await detach(join(place, mounted));
    await removeTree(this.folder, place).finally(() => this.letGo(held));
  }
}
