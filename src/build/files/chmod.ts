import { invalid } from '../../base/index.ts';
import type { TreeEntry } from '../../host/index.ts';

export interface ModeChange {
  /** The mode when it was given as a number. */
  readonly fixed: number | undefined;
  of(entry: TreeEntry): number;
}

const WHO: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o1007, a: 0o7777 };
const READ = 0o444;
const WRITE = 0o222;
const EXECUTE = 0o111;
const SET_ID = 0o6000;
const STICKY = 0o1000;

/** `--chmod`: octal digits, or clauses such as `u=rwX,go-w` as chmod(1) has them, without a umask. */
export function modeChange(text: string | undefined): ModeChange {
  if (text === undefined || text === '') return { fixed: undefined, of: (entry) => entry.mode };
  if (/^\d+$/.test(text)) {
    const mode = /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
    if (!(mode <= 0o7777)) throw wrong(text);
    return { fixed: mode, of: () => mode };
  }
  const clauses = text.split(',').map((clause) => parseClause(clause, text));
  return {
    fixed: undefined,
    of: (entry) => clauses.reduce((mode, apply) => apply(mode, entry.type === 'directory'), entry.mode),
  };
}

type Apply = (mode: number, directory: boolean) => number;

function parseClause(clause: string, text: string): Apply {
  const match = /^([ugoa]*)((?:[-+=](?:[ugo]|[rwxXst]*))+)$/.exec(clause);
  if (!match) throw wrong(text);
  const who = match[1] === '' ? 0o7777 : [...(match[1] as string)].reduce((mask, letter) => mask | (WHO[letter] as number), 0);
  const actions = [...(match[2] as string).matchAll(/([-+=])([ugo]|[rwxXst]*)/g)];
  return (mode, directory) =>
    actions.reduce(
      (now, [, operator, what]) => change(now, operator as string, bits(what as string, now, directory), who, directory),
      mode,
    );
}

/** The bits that letters mean, for everybody. */
function bits(what: string, mode: number, directory: boolean): number {
  if (what === 'u' || what === 'g' || what === 'o') {
    const three = (mode >> { u: 6, g: 3, o: 0 }[what]) & 7;
    return three * 0o111;
  }
  let found = 0;
  for (const letter of what) {
    if (letter === 'r') found |= READ;
    else if (letter === 'w') found |= WRITE;
    else if (letter === 'x') found |= EXECUTE;
    else if (letter === 'X') found |= directory || (mode & EXECUTE) !== 0 ? EXECUTE : 0;
    else if (letter === 's') found |= SET_ID;
    else found |= STICKY;
  }
  return found;
}

function change(mode: number, operator: string, wanted: number, who: number, directory: boolean): number {
  const affected = wanted & who;
  if (operator === '+') return mode | affected;
  if (operator === '-') return mode & ~affected;
  // As chmod(1): a directory keeps its set-id bits unless they are named.
  const cleared = directory ? who & ~SET_ID : who;
  return (mode & ~cleared) | affected;
}

const wrong = (text: string) =>
  invalid(
    `invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`,
    'Symbolic modes such as u=rwX,go=rX are fine too.',
  );
