import { compareNumbers } from './numbers.ts';

/** Compares Debian versions: epoch, upstream version, revision (deb-version(7)). Negative when `a` is older. */
export function compareDebian(a: string, b: string): number {
  const [left, right] = [split(a), split(b)];
  return left.epoch - right.epoch || compareParts(left.upstream, right.upstream) || compareParts(left.revision, right.revision);
}

function split(version: string): { epoch: number; upstream: string; revision: string } {
  const colon = version.indexOf(':');
  const rest = version.slice(colon + 1);
  const dash = rest.lastIndexOf('-');
  return {
    epoch: colon === -1 ? 0 : Number(version.slice(0, colon)) || 0,
    upstream: dash === -1 ? rest : rest.slice(0, dash),
    revision: dash === -1 ? '' : rest.slice(dash + 1),
  };
}

/** Runs of other characters and runs of digits take turns; `~` sorts before the end, letters before the rest. */
function compareParts(a: string, b: string): number {
  let [left, right] = [a, b];
  while (left !== '' || right !== '') {
    const texts = [/^\D*/.exec(left)?.[0] ?? '', /^\D*/.exec(right)?.[0] ?? ''] as const;
    const byText = compareTexts(...texts);
    if (byText !== 0) return byText;
    left = left.slice(texts[0].length);
    right = right.slice(texts[1].length);
    const digits = [/^\d*/.exec(left)?.[0] ?? '', /^\d*/.exec(right)?.[0] ?? ''] as const;
    const byNumber = compareNumbers(...digits);
    if (byNumber !== 0) return byNumber;
    left = left.slice(digits[0].length);
    right = right.slice(digits[1].length);
  }
  return 0;
}

function compareTexts(a: string, b: string): number {
  for (let i = 0; i < Math.max(a.length, b.length); i += 1) {
    const difference = weight(a.charCodeAt(i)) - weight(b.charCodeAt(i));
    if (difference !== 0) return difference;
  }
  return 0;
}

const TILDE = 126;

/** Of a character; NaN is the end. */
function weight(code: number): number {
  if (Number.isNaN(code)) return 0;
  if (code === TILDE) return -1;
  const letter = (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
  return letter ? code : code + 256;
}
