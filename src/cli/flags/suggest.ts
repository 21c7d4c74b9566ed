/** Number of single-letter edits (swaps of neighbours count once) between two words. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, (before[j - 2] ?? 0) + 1);
      next.push(best);
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The one of `words` that the user most likely meant, or undefined when none is near. */
export function closest(word: string, words: readonly string[]): string | undefined {
  let best: string | undefined;
  // Short words are near to everything: one edit only.
  let least = (word.length < 4 ? 1 : 2) + 1;
  for (const candidate of words) {
    const away = candidate.startsWith(word) && word.length >= 2 ? 1 : distance(word, candidate);
    if (away < least) {
      least = away;
      best = candidate;
    }
  }
  return best !== undefined && least < best.length ? best : undefined;
}
