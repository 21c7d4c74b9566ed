import { compareNumbers } from './numbers.ts';

/** apk-tools' versions: numbers, a letter, suffixes, a revision (APKBUILD(5), pkgver). */
const VERSION = /^(\d+(?:\.\d+)*)([a-z]?)((?:_[a-z]+\d*)*)(?:~[0-9a-f]+)?(?:-r(\d+))?$/;
/** Before the release, and after it. */
const BEFORE = ['alpha', 'beta', 'pre', 'rc'];
const AFTER = ['cvs', 'svn', 'git', 'hg', 'p'];

/** Compares Alpine's versions. Those that apk does not know are older than all that it does. */
export function compareAlpine(a: string, b: string): number {
  const [left, right] = [VERSION.exec(a), VERSION.exec(b)];
  if (!left || !right) return left ? 1 : right ? -1 : a < b ? -1 : a > b ? 1 : 0;
  const [, leftNumbers = '', leftLetter = '', leftSuffixes = '', leftRevision = '0'] = left;
  const [, rightNumbers = '', rightLetter = '', rightSuffixes = '', rightRevision = '0'] = right;
  return (
    compareParts(leftNumbers.split('.'), rightNumbers.split('.')) ||
    (leftLetter < rightLetter ? -1 : leftLetter > rightLetter ? 1 : 0) ||
    compareSuffixes(suffixes(leftSuffixes), suffixes(rightSuffixes)) ||
    compareNumbers(leftRevision, rightRevision)
  );
}

/** Here 1.2 is older than 1.2.0. After the first, numbers with a leading zero are like those behind a decimal point. */
function compareParts(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i += 1) {
    const [left, right] = [a[i] ?? '', b[i] ?? ''];
    const fraction = i > 0 && (left.startsWith('0') || right.startsWith('0'));
    const difference = fraction ? (left < right ? -1 : left > right ? 1 : 0) : compareNumbers(left, right);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function suffixes(text: string): { rank: number; number: string }[] {
  return [...text.matchAll(/_([a-z]+)(\d*)/g)].map(([, word = '', number = '']) => ({ rank: rank(word), number: number || '0' }));
}

function rank(word: string): number {
  return BEFORE.includes(word) ? BEFORE.indexOf(word) - BEFORE.length : AFTER.indexOf(word) + 1;
}

function compareSuffixes(a: ReturnType<typeof suffixes>, b: ReturnType<typeof suffixes>): number {
  for (let i = 0; i < Math.max(a.length, b.length); i += 1) {
    const difference = (a[i]?.rank ?? 0) - (b[i]?.rank ?? 0) || compareNumbers(a[i]?.number ?? '0', b[i]?.number ?? '0');
    if (difference !== 0) return difference;
  }
  return 0;
}
