import { invalid } from '../../../base/index.ts';

/** Longer patterns are nobody's wish. */
const MAXIMUM_LENGTH = 500;

/**
 * A test by the user's regular expression, or by plain containment when it is none. Fails with `invalid` for patterns
 * that could take exponential time: the engine of JavaScript tries every way, and one filter must not stop the daemon.
 */
export function compilePattern(name: string, pattern: string): (text: string) => boolean {
  if (pattern.length > MAXIMUM_LENGTH || repeatsRepetition(pattern))
    throw invalid(`invalid filter '${name}=${pattern.slice(0, 80)}': the pattern is too complex`);
  let expression: RegExp;
  try {
    expression = new RegExp(pattern);
  } catch {
    return (text) => text.includes(pattern);
  }
  return (text) => expression.test(text);
}

/** Whether a repeated group holds a repetition or a choice, as in `(a+)+` and `(a|a)*`. */
function repeatsRepetition(pattern: string): boolean {
  const groups: boolean[] = [false];
  for (let index = 0; index < pattern.length; index += 1) {
    const character = pattern[index];
    if (character === '\\') index += 1;
    else if (character === '[') index = endOfClass(pattern, index);
    else if (character === '(') groups.push(false);
    else if (character === ')') {
      const risky = groups.pop() ?? false;
      if (risky && /[*+{]/.test(pattern[index + 1] ?? '')) return true;
      if (risky) groups[groups.length - 1] = true;
    } else if (/[*+{|]/.test(character ?? '')) groups[groups.length - 1] = true;
  }
  return false;
}

function endOfClass(pattern: string, start: number): number {
  let index = start + 1;
  while (index < pattern.length && pattern[index] !== ']') index += pattern[index] === '\\' ? 2 : 1;
  return index;
}
