import { compareNumbers } from './debian.ts';

/** What a word in a version stands for; what is not listed counts as a release of that name, after all prereleases. */
type Ranks = Readonly<Record<string, number>>;

/** PEP 440: dev < a < b < rc < (nothing) < post. */
const PYTHON: Ranks = { dev: -4, a: -3, alpha: -3, b: -2, beta: -2, c: -1, rc: -1, pre: -1, preview: -1, post: 1, rev: 1, r: 1 };
/** Maven's ComparableVersion. */
const MAVEN: Ranks = {
  alpha: -5,
  a: -5,
  beta: -4,
  b: -4,
  milestone: -3,
  m: -3,
  rc: -2,
  cr: -2,
  snapshot: -1,
  ga: 0,
  final: 0,
  release: 0,
  sp: 1,
};
/** Alpine: apk-tools' suffixes. */
const ALPINE: Ranks = { alpha: -4, beta: -3, pre: -2, rc: -1, cvs: 1, svn: 1, git: 1, hg: 1, p: 1 };

export const comparePython = (a: string, b: string): number => compareEpochs(a, b) || compareWords(tail(a), tail(b), PYTHON);
export const compareMaven = (a: string, b: string): number => compareWords(a, b, MAVEN);
/** Revision `-rN` last. */
export const compareAlpine = (a: string, b: string): number => {
  const [left, right] = [/^(.*?)(?:-r(\d+))?$/.exec(a), /^(.*?)(?:-r(\d+))?$/.exec(b)];
  return compareWords(left?.[1] ?? a, right?.[1] ?? b, ALPINE) || compareNumbers(left?.[2] ?? '0', right?.[2] ?? '0');
};

const tail = (version: string): string => version.replace(/^v?(?:\d+!)?/, '').replace(/\+.*$/, '');

function compareEpochs(a: string, b: string): number {
  return compareNumbers(/^(\d+)!/.exec(a)?.[1] ?? '0', /^(\d+)!/.exec(b)?.[1] ?? '0');
}

/** Numbers and words one after the other; where one version ends, the other goes on with nothing, which ranks 0. */
function compareWords(a: string, b: string, ranks: Ranks): number {
  const [left, right] = [tokens(a), tokens(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
    const difference = compareTokens(left[i], right[i], ranks);
    if (difference !== 0) return difference;
  }
  return 0;
}

const tokens = (version: string): string[] => version.toLowerCase().match(/\d+|[a-z]+/g) ?? [];

function compareTokens(a: string | undefined, b: string | undefined, ranks: Ranks): number {
  if (isNumber(a) && isNumber(b)) return compareNumbers(a ?? '0', b ?? '0');
  if (isNumber(a) !== isNumber(b)) return isNumber(a) ? -againstNumber(b, a) : againstNumber(a, b);
  return rank(a, ranks) - rank(b, ranks) || ((a ?? '') < (b ?? '') ? -1 : (a ?? '') > (b ?? '') ? 1 : 0);
}

const isNumber = (token: string | undefined): boolean => token !== undefined && /^\d/.test(token);

/** `1.0` and `1` are the same; a word where the other has a number is older: 1.rc < 1.1. */
function againstNumber(word: string | undefined, number: string | undefined): number {
  if (word === undefined) return compareNumbers('0', number ?? '0');
  return -1;
}

function rank(word: string | undefined, ranks: Ranks): number {
  return word === undefined ? 0 : (ranks[word] ?? 2);
}
