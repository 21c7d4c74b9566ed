import { CommandFailure } from '../../failure.ts';
import type { Place } from './tree.ts';

/** One thing that is wrong, and where it was written. */
export interface Fault {
  readonly place: Place | undefined;
  readonly message: string;
}

/** Faults shown at once: the rest are most often their echo. */
const MOST_SHOWN = 10;
/** Columns of a line that are shown. */
const WIDEST = 100;

/** A project that cannot be used as it is written. The message shows each place with its line and a caret. */
export class ComposeFailure extends CommandFailure {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super(renderFaults(faults), 15);
    this.faults = faults;
  }
}

export const fail = (place: Place | undefined, message: string): never => {
  throw new ComposeFailure([{ place, message }]);
};

/** One-based line and column of the beginning of a place, and the whole line. */
export function position({ source, from }: Place): { line: number; column: number; text: string } {
  const start = source.text.lastIndexOf('\n', from - 1) + 1;
  const end = source.text.indexOf('\n', start);
  return {
    line: source.text.slice(0, start).split('\n').length,
    column: from - start + 1,
    text: source.text.slice(start, end < 0 ? undefined : end).replace(/\r$/, ''),
  };
}

function renderFault({ place, message }: Fault): string {
  if (!place) return message;
  const { line, column, text } = position(place);
  const number = String(line);
  // Of a long line, what is around the place.
  const cut = column + 20 > WIDEST ? Math.max(0, column - WIDEST / 2) : 0;
  const shown = text.slice(cut, cut + WIDEST);
  const at = column - 1 - cut;
  const length = Math.max(1, Math.min(place.to - place.from, shown.length - at));
  // A tab before the caret stays a tab, so that the caret stands under what it means.
  const indent = shown.slice(0, at).replaceAll(/[^\t]/g, ' ');
  return `${place.source.name}:${line}:${column}: ${message}\n  ${number} | ${shown}\n  ${' '.repeat(number.length)} | ${indent}${'^'.repeat(length)}`;
}

export function renderFaults(faults: readonly Fault[]): string {
  const shown = faults.slice(0, MOST_SHOWN).map(renderFault);
  const rest = faults.length - shown.length;
  return [...shown, ...(rest > 0 ? [`and ${rest} more`] : [])].join('\n\n');
}
