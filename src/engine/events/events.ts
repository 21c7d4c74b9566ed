import type { Clock } from '../../base/index.ts';
import type { Event } from '../../model/index.ts';
import type { Events } from '../engine.ts';

/** How many past events can be asked for with `since`: as many as Docker keeps. */
const KEPT = 256;
/** A reader that falls this far behind is cut off rather than let memory grow. */
const UNREAD_LIMIT = 10_000;

interface Subscriber {
  push(event: Event): void;
}

export class EventStream implements Events {
  #clock: Clock;
  #past: Event[] = [];
  #subscribers = new Set<Subscriber>();
  #lastNano = 0n;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  publish(event: Omit<Event, 'timeNano'>): void {
    const now = BigInt(this.#clock.now()) * 1_000_000n;
    this.#lastNano = now > this.#lastNano ? now : this.#lastNano + 1n;
    const stamped: Event = { ...event, timeNano: this.#lastNano };
    this.#past.push(stamped);
    if (this.#past.length > KEPT) this.#past.shift();
    for (const subscriber of this.#subscribers) subscriber.push(stamped);
  }

  async *subscribe(options: { since?: bigint; until?: bigint; follow: boolean }, signal: AbortSignal): AsyncGenerator<Event> {
    const { since, until } = options;
    const unread: Event[] = since === undefined ? [] : this.#past.filter((e) => e.timeNano >= since);
    let wake = () => {};
    let over = !options.follow;
    const subscriber: Subscriber = {
      push(event) {
        unread.push(event);
        if (unread.length > UNREAD_LIMIT) over = true;
        wake();
      },
    };
    const stop = () => {
      over = true;
      wake();
    };
    signal.addEventListener('abort', stop, { once: true });
    this.#subscribers.add(subscriber);
    const cancelTimer =
      until === undefined ? () => {} : this.#clock.later(Math.max(0, Number(until / 1_000_000n) - this.#clock.now()), stop);
    try {
      while (!signal.aborted) {
        const event = unread.shift();
        if (event && (until === undefined || event.timeNano <= until)) yield event;
        else if (!event && over) return;
        else if (!event) await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      cancelTimer();
      this.#subscribers.delete(subscriber);
      signal.removeEventListener('abort', stop);
    }
  }
}
