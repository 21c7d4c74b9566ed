import { readFileSync } from 'node:fs';
import { CommandFailure, plainReason } from '../failure.ts';

function readLines(file: string): string[] {
  let text: string;
  try {
    const bytes = readFileSync(file);
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
      throw new CommandFailure(`invalid env file (${file}): invalid utf8 bytes`, 125, error);
    throw new CommandFailure(plainReason(error, file), 125, error);
  }
  return text.replace(/^\ufeff/, '').split(/\r?\n/);
}

/**
 * The lines of a file of variables or labels: comments and empty lines are left out, a name without `=` takes the value
 * that `lookUp` gives, or is left out when that has none.
 */
function pairsOfFile(file: string, lookUp: (name: string) => string | undefined): string[] {
  const pairs: string[] = [];
  for (const raw of readLines(file)) {
    const line = raw.trimStart();
    if (line === '' || line.startsWith('#')) continue;
    const equals = line.indexOf('=');
    const name = equals < 0 ? line : line.slice(0, equals);
    if (name === '') throw new CommandFailure(`invalid env file (${file}): no variable name on line '${line}'`, 125);
    if (/\s/.test(name)) throw new CommandFailure(`invalid env file (${file}): variable '${name}' contains whitespaces`, 125);
    if (equals >= 0) pairs.push(line);
    else {
      const value = lookUp(name);
      if (value !== undefined) pairs.push(`${name}=${value}`);
    }
  }
  return pairs;
}

/** Variables of files first, then of flags, as `NAME=value`; a bare name takes the value of `env`. */
export function readEnvironment(
  files: readonly string[],
  given: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  const fromFiles = files.flatMap((file) => pairsOfFile(file, (name) => env[name]));
  const fromFlags = given.flatMap((one) => {
    if (one.startsWith('=') || one === '')
      throw new CommandFailure(`invalid argument ${JSON.stringify(one)} for "-e, --env" flag: invalid environment variable: ${one}`, 125);
    if (one.includes('=')) return [one];
    const value = env[one];
    // A bare name that has no value here takes the variable away from the image's own.
    return [value === undefined ? one : `${one}=${value}`];
  });
  return [...fromFiles, ...fromFlags];
}

/** Labels of files and flags by name; a bare name has an empty value. */
export function readLabels(files: readonly string[], given: readonly string[]): Record<string, string> {
  const pairs = [...files.flatMap((file) => pairsOfFile(file, () => '')), ...given];
  return pairsToMap(pairs);
}

/** `a=b` texts as an object; without `=` the value is empty. */
export function pairsToMap(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((one) => {
      const equals = one.indexOf('=');
      return equals < 0 ? [one, ''] : [one.slice(0, equals), one.slice(equals + 1)];
    }),
  );
}
