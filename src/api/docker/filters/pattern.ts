import { invalid } from '../../../base/index.ts';

/** Longer patterns are nobody's wish. */
const MAXIMUM_LENGTH = 500;

/**
 * A test by the user's regular expression. It runs in linear time, as in Docker: the usual engine of JavaScript tries
 * every way, and one filter such as `(a+)+$` could stop the daemon. Fails with `invalid` when the pattern is none.
 */
export function compilePattern(name: string, pattern: string): (text: string) => boolean {
  if (pattern.length > MAXIMUM_LENGTH)
    throw invalid(`invalid filter '${name}=${pattern.slice(0, 80)}…': the pattern is longer than ${MAXIMUM_LENGTH} characters`);
  let expression: RegExp;
  try {
    expression = linear(pattern);
  } catch (error) {
    throw invalid(`invalid filter '${name}=${pattern}': ${error instanceof Error ? error.message : String(error)}`);
  }
  return (text) => expression.test(text);
}

/** V8 knows the flag `l` (linear) only after this switch; nothing else changes. */
function linear(pattern: string): RegExp {
  process.getBuiltinModule('node:v8').setFlagsFromString('--enable-experimental-regexp-engine');
  return new RegExp(pattern, 'l');
}
