import { compareNumbers } from './numbers.ts';

/** A number or a word, and whether a dot or a hyphen stands before it. */
interface Token {
  prefix: '.' | '-';
  value: string;
}

/** Words that come before all others, in this order; '' is the release itself (Maven's POM reference, "Version Order Specification"). */
const QUALIFIERS = ['alpha', 'beta', 'milestone', 'rc', 'snapshot', '', 'sp'];
const SAME: Readonly<Record<string, string>> = { cr: 'rc', final: '', ga: '', release: '' };
const SHORT: Readonly<Record<string, string>> = { a: 'alpha', b: 'beta', m: 'milestone' };

export function compareMaven(a: string, b: string): number {
  const [left, right] = [tokensOf(a), tokensOf(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
    const [first, second] = [left[i] ?? padding(right[i]), right[i] ?? padding(left[i])];
    const difference = compareTokens(first, second);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** What the shorter version goes on with. */
function padding(other: Token | undefined): Token {
  return other?.prefix === '-' ? { prefix: '-', value: '' } : { prefix: '.', value: '0' };
}

function tokensOf(version: string): Token[] {
  const tokens: Token[] = [];
  // A change between digits and letters counts as a hyphen; where nothing stands between two separators, a zero does.
  for (const [, separator = '', text = ''] of version.toLowerCase().matchAll(/([.-]?)(\d+|[^.\-\d]+|(?=[.-]|$))/g)) {
    if (separator === '' && text === '') continue;
    const prefix = separator === '.' || (separator === '' && tokens.length === 0) ? '.' : '-';
    const next = text === '' ? '0' : text;
    const before = tokens.at(-1);
    // "a1" stands for "alpha-1".
    if (separator === '' && before && isNumber(next)) before.value = SHORT[before.value] ?? before.value;
    tokens.push({ prefix, value: isNumber(next) ? next : (SAME[next] ?? next) });
  }
  return trimmed(tokens);
}

/** Without what stands for nothing at the end of it, and before each hyphen. */
function trimmed(tokens: readonly Token[]): Token[] {
  const kept: Token[] = [];
  let sure = true;
  for (const token of tokens.toReversed()) {
    const nothing = token.value === '' || /^0+$/.test(token.value);
    if (sure && nothing) continue;
    sure = token.prefix === '-';
    kept.unshift(token);
  }
  return kept;
}

const isNumber = (value: string): boolean => /^\d+$/.test(value);

function compareTokens(a: Token, b: Token): number {
  const [left, right] = [isNumber(a.value), isNumber(b.value)];
  if (left && right) return a.prefix === b.prefix ? compareNumbers(a.value, b.value) : a.prefix === '.' ? 1 : -1;
  if (left !== right) return left ? 1 : -1;
  const [first, second] = [rank(a.value), rank(b.value)];
  return first - second || (a.value < b.value ? -1 : a.value > b.value ? 1 : 0);
}

/** Other words come after all that are listed. */
function rank(word: string): number {
  const index = QUALIFIERS.indexOf(word);
  return index === -1 ? QUALIFIERS.length : index;
}
