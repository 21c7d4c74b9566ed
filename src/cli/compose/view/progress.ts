import type { Session } from '../../session.ts';
import { cyan, dim, green, red, wantsColour, yellow } from '../../terminal/colour.ts';

export type Outcome = 'working' | 'done' | 'failed' | 'warning';

interface RowState {
  status: string;
  outcome: Outcome;
  since: number;
  until: number;
}

const MARKS: Readonly<Record<Outcome, string>> = { working: '⠿', done: '✔', failed: '✘', warning: '!' };
const PAINTS: Readonly<Record<Outcome, (text: string) => string>> = { working: cyan, done: green, failed: red, warning: yellow };
const REDRAW_MILLISECONDS = 100;

/**
 * Shows what happens to each thing: on a terminal as rows that are redrawn, elsewhere as one line for each change. On the error output,
 * so that the output of a command stays its own.
 */
export class Progress implements Disposable {
  readonly #session: Session;
  readonly #rows = new Map<string, RowState>();
  readonly #live: boolean;
  readonly #quiet: boolean;
  #drawn = 0;
  #cancel: (() => void) | undefined;

  constructor(session: Session, style: string) {
    this.#session = session;
    this.#quiet = style === 'quiet';
    this.#live = style === 'tty' || (style === 'auto' && session.stderr.isTTY === true);
  }

  /** `what` such as `Container shop-web-1`; `status` such as `Starting`. */
  set(what: string, status: string, outcome: Outcome = 'working'): void {
    const now = this.#session.clock.now();
    const before = this.#rows.get(what);
    if (before?.status === status && before.outcome === outcome) return;
    this.#rows.set(what, { status, outcome, since: before?.since ?? now, until: now });
    if (this.#quiet) return;
    if (!this.#live) this.#session.err(` ${what}  ${status}\n`);
    else {
      this.#draw();
      this.#schedule();
    }
  }

  /** A sentence above the rows. */
  say(text: string): void {
    if (this.#quiet) return;
    this.#erase();
    this.#session.err(`${text}\n`);
    if (this.#live) this.#draw();
  }

  /** The rows stay as they are; what is set later makes new ones. */
  settle(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#live && this.#rows.size > 0) this.#draw();
    this.#rows.clear();
    this.#drawn = 0;
  }

  [Symbol.dispose](): void {
    this.settle();
  }

  #schedule(): void {
    if (this.#cancel || ![...this.#rows.values()].some(({ outcome }) => outcome === 'working')) return;
    this.#cancel = this.#session.clock.later(REDRAW_MILLISECONDS, () => {
      this.#cancel = undefined;
      this.#draw();
      this.#schedule();
    });
  }

  #erase(): void {
    if (this.#drawn > 0) this.#session.err(`\x1b[${this.#drawn}A\x1b[J`);
    this.#drawn = 0;
  }

  #draw(): void {
    const height = Math.max(2, (this.#session.stderr.rows || 24) - 1);
    const lines = this.#lines();
    // What does not fit the screen could not be redrawn: the newest rows are what matters.
    const shown = lines.length > height ? lines.slice(-height) : lines;
    this.#erase();
    this.#session.err(shown.map((line) => `${line}\n`).join(''));
    this.#drawn = shown.length;
  }

  #lines(): string[] {
    const now = this.#session.clock.now();
    const coloured = wantsColour(this.#session.stderr, this.#session.env);
    // A terminal of unknown width says 0.
    const columns = this.#session.stderr.columns || 80;
    const width = Math.max(0, ...[...this.#rows.keys()].map((what) => what.length));
    return [...this.#rows].map(([what, { status, outcome, since, until }]) => {
      const time = `${(((outcome === 'working' ? now : until) - since) / 1000).toFixed(1)}s`;
      const text = `${what.padEnd(width)}  ${status}`.slice(0, Math.max(20, columns - time.length - 6));
      const line = ` ${MARKS[outcome]} ${text.padEnd(Math.max(0, columns - time.length - 5))} `;
      return coloured ? PAINTS[outcome](line) + dim(time) : line + time;
    });
  }
}
