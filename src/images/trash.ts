import { close, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path/posix';
import { describe, errnoOf, type Ids, type Log } from '../base/index.ts';
import { ensureDirectory, removeTree, spreadDirectories } from '../host/index.ts';
import { detach } from './containers/detach.ts';

/** `<dataRoot>/tmp`: what is unfinished, and what is on its way out. Removing is a rename, the deleting goes on in the background. */
export class Trash {
  readonly folder: string;
  readonly #ids: Ids;
  readonly #log: Log;
  #deleting: Promise<void> = Promise.resolve();
  #closing: Promise<void> = Promise.resolve();

  constructor(dataRoot: string, ids: Ids, log: Log) {
    this.folder = join(dataRoot, 'tmp');
    this.#ids = ids;
    this.#log = log;
    ensureDirectory(this.folder, 0o711);
    spreadDirectories(this.folder);
  }

  /** At start everything here is left over: half-made, or half-deleted. It is out of the way at once, so that its names are free. */
  clear(): void {
    for (const name of readdirSync(this.folder)) this.take(join(this.folder, name));
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
    this.#delete(place, mounted);
  }

  /** Closes what `detach` held; one after the other, as each may hold one of the few threads of the event loop for long. */
  letGo(descriptors: readonly number[]): void {
    for (const descriptor of descriptors)
      this.#closing = this.#closing.then(() => new Promise((resolve) => close(descriptor, () => resolve())));
  }

  /** Resolves when nothing is being deleted or closed any more. */
  async idle(): Promise<void> {
    await this.#deleting;
    await this.#closing;
  }

  /** One after the other: deleting is never urgent. */
  #delete(place: string, mounted?: string): void {
    const remove = async () => {
      // What is deleted before the file system is let go need not be written any more.
      const held = mounted === undefined ? [] : await detach(join(place, mounted));
      await removeTree(this.folder, place).finally(() => this.letGo(held));
    };
    this.#deleting = this.#deleting
      .then(remove)
      .catch((error: unknown) => this.#log.warn('could not delete; the next start tries again', { path: place, error: describe(error) }));
  }
}
