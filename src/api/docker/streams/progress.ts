import type { Clock } from '../../../base/index.ts';
import type { ProgressEvent } from '../../../images/index.ts';
import type { Exchange } from '../../http/index.ts';
import { failureOf, isAbort } from '../errors.ts';

/** Least time between two pictures of the same bar, milliseconds: a person sees no more, and a socket should carry no more. */
const REDRAW_MS = 100;

/**
 * A progress stream: JSON objects, one a line. It starts with its first message, so that what fails before that has a
 * status of its own; what fails later is told inside the stream.
 */
export class ProgressStream {
  #exchange: Exchange;
  #clock: Clock;
  #drawn = new Map<string, number>();
  #quiet: boolean;

  constructor(exchange: Exchange, clock: Clock, quiet = false) {
    this.#exchange = exchange;
    this.#clock = clock;
    this.#quiet = quiet;
  }

  /** Takes the events of the images room. */
  readonly progress = (event: ProgressEvent): void => {
    if (this.#quiet || this.#tooSoon(event)) return;
    this.message(encodeProgress(event));
  };

  message(document: Record<string, unknown>): void {
    if (!this.#exchange.started) this.#exchange.stream(200, 'application/json');
    this.#exchange.response.write(`${JSON.stringify(document)}\r\n`);
  }

  /** Runs the work and ends the stream, with the error in it when it had begun. */
  async run(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!this.#exchange.started || isAbort(error)) throw error;
      const { message } = failureOf(error);
      this.message({ errorDetail: { message }, error: message });
    }
    if (!this.#exchange.started) this.#exchange.stream(200, 'application/json');
    this.#exchange.response.end();
  }

  #tooSoon(event: ProgressEvent): boolean {
    if (event.current === undefined) return false;
    const key = `${event.id} ${event.status}`;
    const now = this.#clock.now();
    const last = this.#drawn.get(key);
    if (last !== undefined && now - last < REDRAW_MS && event.current !== event.total) return true;
    this.#drawn.set(key, now);
    return false;
  }
}

export function encodeProgress(event: ProgressEvent): Record<string, unknown> {
  const { id, status, current, total, aux } = event;
  if (aux && status === '') return { progressDetail: {}, aux };
  return {
    status,
    ...(current === undefined
      ? id === undefined
        ? {}
        : { progressDetail: {} }
      : { progressDetail: { current, ...(total === undefined ? {} : { total }) }, progress: bar(current, total) }),
    ...(id === undefined ? {} : { id }),
    ...(aux ? { aux } : {}),
  };
}

const WIDTH = 50;

/** `[====>   ]  1.2MB/3.4MB`, for clients that show text as it comes. */
function bar(current: number, total: number | undefined): string {
  if (total === undefined || total <= 0 || current > total) return bytes(current);
  const done = Math.floor((current / total) * WIDTH);
  return `[${'='.repeat(done)}${done < WIDTH ? '>' : ''}${' '.repeat(Math.max(0, WIDTH - done - 1))}]  ${bytes(current)}/${bytes(total)}`;
}

function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toPrecision(4).replace(/\.?0+$/, '')}${units[unit]}`;
}
