/** Time is an argument: rooms take a `Clock`, and only `main` makes the real one. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** RFC 3339 with nanosecond digits, UTC. Strictly increasing within one process. */
  timestamp(): string;
  /** Resolves after `ms` milliseconds, rejects with the signal's reason when it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `run` once after `ms` milliseconds; returns the way to cancel it. Never keeps the process alive. */
  later(ms: number, run: () => void): () => void;
}

/** RFC 3339 text with nine fraction digits for `nanoseconds` since the epoch. */
export function formatNanoseconds(nanoseconds: bigint): string {
  const seconds = nanoseconds / 1_000_000_000n;
  const fraction = (nanoseconds % 1_000_000_000n).toString().padStart(9, '0');
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
}

/** Nanoseconds since the epoch of an RFC 3339 text with any number of fraction digits; undefined when it is not one. */
export function parseNanoseconds(text: string): bigint | undefined {
  const match = /^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:?\d\d)$/i.exec(text);
  if (!match) return undefined;
  const seconds = Date.parse(`${match[1]}${match[3]}`);
  if (Number.isNaN(seconds)) return undefined;
  return BigInt(seconds) * 1_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'));
}

export function systemClock(): Clock {
  let last = 0n;
  return {
    now: () => Date.now(),
    timestamp() {
      const wall = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
      last = wall > last ? wall : last + 1n;
      return formatNanoseconds(last);
    },
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const timer = setTimeout(done, ms);
        function done() {
          signal?.removeEventListener('abort', stop);
          resolve();
        }
        function stop() {
          clearTimeout(timer);
          reject(signal?.reason);
        }
        signal?.addEventListener('abort', stop, { once: true });
      });
    },
    later(ms, run) {
      const timer = setTimeout(run, ms);
      timer.unref();
      return () => clearTimeout(timer);
    },
  };
}
