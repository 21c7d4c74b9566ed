/** Values as Docker's history shows them: the way its language prints lists, texts and durations. */

/** `["a" "b"]`. */
export const quotedList = (words: readonly string[]): string => `[${words.map(quoted).join(' ')}]`;

const SHORT: Record<string, string> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '"': '\\"',
  '\\': '\\\\',
};

export function quoted(text: string): string {
  let result = '"';
  for (const letter of text) {
    const code = letter.codePointAt(0)!;
    if (SHORT[letter]) result += SHORT[letter];
    else if (code < 0x20 || code === 0x7f) result += `\\x${hex(code, 2)}`;
    // Not printable: controls, formats, private use, separators other than a blank.
    else if (/[\p{C}\p{Z}]/u.test(letter) && letter !== ' ') result += code > 0xffff ? `\\U${hex(code, 8)}` : `\\u${hex(code, 4)}`;
    else result += letter;
  }
  return `${result}"`;
}

/** A number as a quoted letter, `'\\x03'`: so Docker's history tells the retries of a health check. */
export function quotedLetter(code: number): string {
  if (code === 0x27) return "'\\''";
  const letter = code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? '\ufffd' : String.fromCodePoint(code);
  return letter === '"' ? "'\"'" : `'${quoted(letter).slice(1, -1)}'`;
}

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, '0');

/** `1m30s`, `500ms`, `0s`, of nanoseconds. */
export function duration(nanoseconds: number): string {
  if (nanoseconds === 0) return '0s';
  if (nanoseconds < 1e3) return `${nanoseconds}ns`;
  if (nanoseconds < 1e6) return `${nanoseconds / 1e3}µs`;
  if (nanoseconds < 1e9) return `${nanoseconds / 1e6}ms`;
  const hours = Math.floor(nanoseconds / 3600e9);
  const minutes = Math.floor((nanoseconds % 3600e9) / 60e9);
  const seconds = `${(nanoseconds % 60e9) / 1e9}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}
