import { GantryError } from '../base/index.ts';
import type { Change } from './store.ts';

/** A change as it is kept: the value stays JSON text, so that each watcher parses its own copy. */
export interface KeptChange {
  kind: string;
  id: string;
  revision: number;
  /** undefined says that the row was deleted. */
  json: string | undefined;
}

/** What is kept for watchers that start late: so many changes, and so many characters of their values. */
const MOST_CHANGES = 1024;
const MOST_CHARACTERS = 1024 * 1024;

/** The latest changes of a store, and those who watch them. */
export class ChangeLog {
  #kept: KeptChange[] = [];
  #characters = 0;
  /** Changes up to this revision are no longer here. */
  #forgotten: number;
  #listeners = new Set<(change: KeptChange) => void>();

  /** `revision` is the newest one of the store when it is opened. */
  constructor(revision: number) {
    this.#forgotten = revision;
  }

  publish(change: KeptChange): void {
    this.#kept.push(change);
    this.#characters += change.json?.length ?? 0;
    let drop = 0;
    while (this.#kept.length - drop > MOST_CHANGES || this.#characters > MOST_CHARACTERS) {
      const oldest = this.#kept[drop];
      if (!oldest) break;
      this.#characters -= oldest.json?.length ?? 0;
      this.#forgotten = oldest.revision;
      drop += 1;
    }
    if (drop > 0) this.#kept.splice(0, drop);
    for (const listener of this.#listeners) listener(change);
  }

  /** Listens from this call on, not from the first `next()`, so nothing is missed in between. */
  watch<T>(kind: string, fromRevision: number, signal: AbortSignal): AsyncIterable<Change<T>> {
    if (fromRevision < this.#forgotten) {
      throw new GantryError('unavailable', `Changes of ${kind} since revision ${fromRevision} are no longer kept`, {
        hint: 'List the rows again and watch from the revision of that list',
      });
    }
    const queue = this.#kept.filter((change) => change.kind === kind && change.revision > fromRevision);
    let wake: () => void = () => {};
    const listener = (change: KeptChange) => {
      if (change.kind !== kind) return;
      queue.push(change);
      wake();
    };
    const stop = () => {
      this.#listeners.delete(listener);
      wake();
    };
    if (!signal.aborted) {
      this.#listeners.add(listener);
      signal.addEventListener('abort', stop, { once: true });
    }
    return deliver<T>(
      queue,
      signal,
      (call) => (wake = call),
      () => {
        signal.removeEventListener('abort', stop);
        stop();
      },
    );
  }
}

async function* deliver<T>(
  queue: KeptChange[],
  signal: AbortSignal,
  onWake: (call: () => void) => void,
  end: () => void,
): AsyncGenerator<Change<T>> {
  try {
    while (!signal.aborted) {
      const change = queue.shift();
      if (change) yield toChange<T>(change);
      else await new Promise<void>(onWake);
    }
  } finally {
    end();
  }
}

function toChange<T>({ id, revision, json }: KeptChange): Change<T> {
  return json === undefined ? { type: 'delete', id, revision } : { type: 'put', id, value: JSON.parse(json), revision };
}
