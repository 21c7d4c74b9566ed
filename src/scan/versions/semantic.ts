import { compareNumbers } from './numbers.ts';

/** Compares semantic versions (semver.org 2.0.0, section 11); a leading `v` and missing parts are forgiven. */
export function compareSemantic(a: string, b: string): number {
  const [left, right] = [split(a), split(b)];
  for (let i = 0; i < 3; i += 1) {
    const difference = compareNumbers(left.numbers[i] ?? '0', right.numbers[i] ?? '0');
    if (difference !== 0) return difference;
  }
  return comparePrereleases(left.prerelease, right.prerelease);
}

/** As `compareSemantic`; Go itself writes its versions as `1.21rc2`. */
export function compareGo(a: string, b: string): number {
  const semantic = (version: string) =>
    version.replace(
      /^(v?\d+\.\d+)((?:\.\d+)?)(rc|beta)(\d+)$/,
      (_, head, patch, word, number) => `${head}${patch || '.0'}-${word}.${number}`,
    );
  return compareSemantic(semantic(a), semantic(b));
}

function split(version: string): { numbers: string[]; prerelease: string[] } {
  const [core = ''] = version.replace(/^[v=]+/, '').split('+');
  const dash = core.indexOf('-');
  const numbers = (dash === -1 ? core : core.slice(0, dash)).split('.');
  return { numbers, prerelease: dash === -1 ? [] : core.slice(dash + 1).split('.') };
}

/** A version with a prerelease is older than the one without. */
function comparePrereleases(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return b.length - a.length;
  for (let i = 0; i < Math.max(a.length, b.length); i += 1) {
    const [left, right] = [a[i], b[i]];
    if (left === undefined || right === undefined) return left === undefined ? -1 : 1;
    const difference = compareIdentifiers(left, right);
    if (difference !== 0) return difference;
  }
  return 0;
}

function compareIdentifiers(a: string, b: string): number {
  const [left, right] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (left && right) return compareNumbers(a, b);
  if (left !== right) return left ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
