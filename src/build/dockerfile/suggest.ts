/**
 * The option that was probably meant, or undefined: one that differs by at most two letters. Nothing for an exact
 * match, since then the fault is elsewhere.
 */
export function suggest(value: string, options: Iterable<string>, caseSensitive = true): string | undefined {
  if (value.length > 200) return undefined;
  const wanted = caseSensitive ? value : value.toLowerCase();
  let best: string | undefined;
  let bestDistance = 3;
  for (const option of options) {
    const candidate = caseSensitive ? option : option.toLowerCase();
    if (candidate === wanted) return undefined;
    if (Math.abs(candidate.length - wanted.length) >= bestDistance) continue;
    const distance = editDistance(wanted, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best === undefined || caseSensitive ? best : inCaseOf(best, value);
}

/** ` (did you mean X?)`, or nothing. */
export function didYouMean(value: string, options: Iterable<string>, caseSensitive = true): string {
  const match = suggest(value, options, caseSensitive);
  return match === undefined ? '' : ` (did you mean ${match}?)`;
}

function inCaseOf(text: string, model: string): string {
  if (model === model.toLowerCase()) return text.toLowerCase();
  return model === model.toUpperCase() ? text.toUpperCase() : text;
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(change, previous[j]! + 1, row[j - 1]! + 1));
    }
    previous = row;
  }
  return previous[b.length]!;
}
