/** Milliseconds from being ready to when start-up counts as over. */
const AFTER_START = 3_000;
/** Milliseconds between looks afterwards. */
const BETWEEN_LOOKS = 30_000;
/** Share of one processor above which the daemon works. */
const WORKING = 0.05;

/** Tells when work has come to rest: once after each time of work. */
export class Rest {
  #worked = false;
  #used: number;

  /** `used`: milliseconds of processor time so far. */
  constructor(used: number) {
    this.#used = used;
  }

  /** True when there was work before, but hardly any in the last `elapsed` milliseconds. */
  reached(used: number, elapsed: number): boolean {
    const busy = used - this.#used > WORKING * elapsed;
    this.#used = used;
    const reached = this.#worked && !busy;
    this.#worked = busy;
    return reached;
  }
}

/**
 * Calls `settle` when the daemon rests. What starting or a burst of work took, some ten megabytes, would stay with a process that
 * idles: it allocates nothing, and so never collects.
 */
export function settleAtRest(settle: () => void): Disposable {
  let timer = setTimeout(() => {
    settle();
    const rest = new Rest(usedMilliseconds());
    timer = setInterval(() => {
      if (rest.reached(usedMilliseconds(), BETWEEN_LOOKS)) settle();
    }, BETWEEN_LOOKS).unref();
  }, AFTER_START).unref();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

function usedMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
