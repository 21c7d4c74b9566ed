import { readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path/posix';
import { describe, errnoOf, type Ids, type Log } from '../base/index.ts';
import { ensureDirectory, removeTree } from '../host/index.ts';

/** `<dataRoot>/tmp`: what is unfinished, and what is on its way out. Removing is a rename, the deleting goes on in the background. */
export class Trash {
  readonly folder: string;
  readonly #ids: Ids;
  readonly #log: Log;
  #deleting: Promise<void> = Promise.resolve();

  constructor(dataRoot: string, ids: Ids, log: Log) {
    this.folder = join(dataRoot, 'tmp');
    this.#ids = ids;
    this.#log = log;
    ensureDirectory(this.folder, 0o711);
  }

  /** At start everything here is left over: half-made, or half-deleted. `skip` tells what someone else still has there. */
  clear(skip: (name: string) => boolean): void {
    for (const name of readdirSync(this.folder)) if (!skip(name)) this.#delete(join(this.folder, name));
  }

  /** Idempotent. What is mounted below `path` must be unmounted before. */
  take(path: string): void {
    const place = join(this.folder, `trash-${this.#ids.next().slice(0, 26)}`);
    try {
      renameSync(path, place);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return;
      throw error;
    }
    this.#delete(place);
  }

  /** Resolves when nothing is being deleted any more. */
  async idle(): Promise<void> {
    await this.#deleting;
  }

  /** One after the other: deleting is never urgent. */
  #delete(place: string): void {
    this.#deleting = this.#deleting
      .then(() => removeTree(this.folder, place))
      .catch((error: unknown) => this.#log.warn('could not delete; the next start tries again', { path: place, error: describe(error) }));
  }
}
