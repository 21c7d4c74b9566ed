import { invalid } from '../../base/index.ts';

/**
 * Shell patterns in `${name#pattern}` and its kin: `*` and `?`, neither of which matches a line's end. Matching walks all
 * possibilities at once, so that no pattern takes longer than its length times the text's.
 */
export type Pattern = readonly PatternPart[];
type PatternPart = { kind: 'any' } | { kind: 'one' } | { kind: 'letter'; letter: string };

/** Comparisons that one expansion may cost. */
const WORK_LIMIT = 50_000_000;

export function parsePattern(text: string): Pattern {
  const parts: PatternPart[] = [];
  const letters = Array.from(text);
  for (let i = 0; i < letters.length; i++) {
    let letter = letters[i]!;
    if (letter === '*') parts.push({ kind: 'any' });
    else if (letter === '?') parts.push({ kind: 'one' });
    else if (letter !== '\\') parts.push({ kind: 'letter', letter });
    else {
      const next = letters[i + 1];
      // The escape of } and / belongs to the substitution, not to the pattern.
      if (next === '}' || next === '/') continue;
      letter = letters[++i] ?? '';
      if (letter !== '*' && letter !== '?' && letter !== '\\')
        throw invalid(`invalid pattern (${text}) in substitution: invalid escape '\\${letter}'`);
      parts.push({ kind: 'letter', letter });
    }
  }
  return parts;
}

/** What is left of the value without the shortest or longest prefix that matches. */
export function withoutPrefix(pattern: Pattern, value: string, longest: boolean): string {
  const letters = Array.from(value);
  const end = matchEnd(pattern, letters, 0, longest, { left: WORK_LIMIT });
  return end === undefined ? value : letters.slice(end).join('');
}

export function withoutSuffix(pattern: Pattern, value: string, longest: boolean): string {
  const letters = Array.from(value).reverse();
  const end = matchEnd([...pattern].reverse(), letters, 0, longest, { left: WORK_LIMIT });
  return end === undefined ? value : letters.slice(end).reverse().join('');
}

/** Replaces the first match, or all of them; a match is as long as it can be. */
export function replaceMatches(pattern: Pattern, value: string, replacement: string, all: boolean): string {
  const letters = Array.from(value);
  const work = { left: WORK_LIMIT };
  const result: string[] = [];
  let lastEnd = -1;
  for (let at = 0; at <= letters.length; ) {
    const end = matchEnd(pattern, letters, at, true, work);
    if (end !== undefined && !(end === at && at === lastEnd)) {
      result.push(replacement);
      if (!all) return result.join('') + letters.slice(end).join('');
      lastEnd = end;
    }
    if (end === undefined || end === at) result.push(letters[at++] ?? '');
    else at = end;
  }
  return result.join('');
}

/** Where a match that begins at `start` ends. */
function matchEnd(pattern: Pattern, letters: string[], start: number, longest: boolean, work: { left: number }): number | undefined {
  const goal = pattern.length;
  let active = new Uint8Array(goal + 1);
  let found: number | undefined;
  reach(active, pattern, 0);
  for (let at = start; ; at++) {
    if (active[goal]) {
      found = at;
      if (!longest) return found;
    }
    const letter = letters[at];
    if (letter === undefined) return found;
    if ((work.left -= goal + 1) < 0) throw invalid('a pattern in a substitution takes too long to match');
    const next = new Uint8Array(goal + 1);
    let alive = false;
    for (let i = 0; i < goal; i++) {
      if (!active[i]) continue;
      const part = pattern[i]!;
      if (part.kind === 'any' && letter !== '\n') reach(next, pattern, i);
      else if ((part.kind === 'one' && letter !== '\n') || (part.kind === 'letter' && part.letter === letter)) reach(next, pattern, i + 1);
      else continue;
      alive = true;
    }
    if (!alive) return found;
    active = next;
  }
}

/** Marks a place in the pattern, and those that it leads to without a letter. */
function reach(active: Uint8Array, pattern: Pattern, from: number): void {
  for (let i = from; !active[i]; i++) {
    active[i] = 1;
    if (pattern[i]?.kind !== 'any') return;
  }
}
