import { compareNumbers } from './numbers.ts';

/** PEP 440, section "Summary of permitted suffixes and relative ordering", with its normalizations. */
const VERSION =
  /^v?(?:(?<epoch>\d+)!)?(?<release>\d+(?:\.\d+)*)(?:[-_.]?(?<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?<preNumber>\d*))?(?<post>-\d+|[-_.]?(?:post|rev|r)[-_.]?\d*)?(?<dev>[-_.]?dev[-_.]?\d*)?(?:\+(?<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?$/;
const PRE: Readonly<Record<string, number>> = { a: 0, alpha: 0, b: 1, beta: 1, c: 2, rc: 2, pre: 2, preview: 2 };

/** Compares Python's versions. Those that PEP 440 does not know are older than all that it does. */
export function comparePython(a: string, b: string): number {
  const [left, right] = [parse(a), parse(b)];
  if (!left || !right) return left ? 1 : right ? -1 : a < b ? -1 : a > b ? 1 : 0;
  return (
    compareNumbers(left.epoch, right.epoch) ||
    compareReleases(left.release, right.release) ||
    left.pre - right.pre ||
    compareNumbers(left.preNumber, right.preNumber) ||
    compareNumbers(left.post, right.post) ||
    compareDevelopment(left.dev, right.dev) ||
    compareLocals(left.local, right.local)
  );
}

function parse(version: string) {
  const groups = VERSION.exec(version.trim().toLowerCase())?.groups;
  if (!groups) return undefined;
  const { epoch = '0', release = '', pre, preNumber, post, dev, local = '' } = groups;
  return {
    epoch,
    release: release.split('.'),
    // 1.0.dev1 comes before 1.0a1, and 1.0 after 1.0rc1.
    pre: pre !== undefined ? (PRE[pre] ?? 0) : post === undefined && dev !== undefined ? -1 : 3,
    preNumber: preNumber || '0',
    // One more, so that 1.0.post0 is newer than 1.0.
    post: post === undefined ? '0' : String(BigInt(digits(post)) + 1n),
    dev: dev === undefined ? undefined : digits(dev),
    local: local === '' ? [] : local.split(/[-_.]/),
  };
}

const digits = (text: string): string => /\d+/.exec(text)?.[0] ?? '0';

/** 1.0 and 1.0.0 are the same. */
function compareReleases(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i += 1) {
    const difference = compareNumbers(a[i] ?? '0', b[i] ?? '0');
    if (difference !== 0) return difference;
  }
  return 0;
}

function compareDevelopment(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? 1 : -1;
  return compareNumbers(a, b);
}

/** Numbers are newer than words, and more parts than fewer. */
function compareLocals(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i += 1) {
    const [left, right] = [a[i], b[i]];
    if (left === undefined || right === undefined) return left === undefined ? -1 : 1;
    const [first, second] = [/^\d+$/.test(left), /^\d+$/.test(right)];
    const difference =
      first && second ? compareNumbers(left, right) : first !== second ? (first ? 1 : -1) : left < right ? -1 : left > right ? 1 : 0;
    if (difference !== 0) return difference;
  }
  return 0;
}
