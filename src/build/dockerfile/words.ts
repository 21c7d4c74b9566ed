import { invalid } from '../../base/index.ts';

/**
 * Taking the text of an instruction apart. The rules differ by instruction and are old; what they have in common is here.
 */

/** White space between words of an instruction. */
export const BLANK = /[\t\v\f\r ]+/;

/** The first word, the flags after it, and the rest. */
export function splitCommand(line: string, escapeToken: string): { keyword: string; flags: string[]; rest: string } {
  const trimmed = line.trim();
  const at = trimmed.search(BLANK);
  if (at < 0) return { keyword: trimmed, flags: [], rest: '' };
  const { flags, rest } = leadingFlags(trimmed.slice(at).trim(), escapeToken);
  return { keyword: trimmed.slice(0, at), flags, rest: rest.trim() };
}

/** Words that begin with `--`, without quotes and escapes; `--` alone ends them. */
function leadingFlags(text: string, escapeToken: string): { flags: string[]; rest: string } {
  const flags: string[] = [];
  let at = 0;
  for (;;) {
    while (at < text.length && /\s/.test(text[at]!)) at++;
    if (!text.startsWith('--', at)) return { flags, rest: text.slice(at) };
    const word = flagWord(text, at, escapeToken);
    at = word.end;
    if (word.text === '--') return { flags, rest: text.slice(at) };
    if (word.text !== '') flags.push(word.text);
  }
}

function flagWord(text: string, start: number, escapeToken: string): { text: string; end: number } {
  let word = '';
  let quote = '';
  let at = start;
  for (; at < text.length; at++) {
    let letter = text[at]!;
    if (quote === '' && /\s/.test(letter)) break;
    if (quote === '' && (letter === '"' || letter === "'")) quote = letter;
    else if (letter === quote) quote = '';
    else {
      if (letter === escapeToken) {
        if (at + 1 === text.length) continue;
        letter = text[++at]!;
      }
      word += letter;
    }
  }
  return { text: word, end: at };
}

/** Words with their quotes and escapes left in place, for ENV, LABEL and ARG. */
export function quotedWords(text: string, escapeToken: string): string[] {
  const words: string[] = [];
  let word = '';
  let quote = '';
  let begun = false;
  for (let at = 0; at < text.length; at++) {
    const letter = text[at]!;
    if (quote === '' && /\s/.test(letter)) {
      if (begun) words.push(word);
      [word, begun] = ['', false];
      continue;
    }
    if (letter === escapeToken && quote !== "'") {
      if (at + 1 === text.length) break;
      word += letter + text[++at]!;
      begun = true;
      continue;
    }
    if (quote === '' && (letter === '"' || letter === "'")) quote = letter;
    else if (letter === quote) quote = '';
    word += letter;
    begun = true;
  }
  if (begun) words.push(word);
  return words;
}

/** `A=1 B=2`, or the old `A 1`, of ENV and LABEL. */
export function keyValues(text: string, instruction: string, escapeToken: string): { key: string; value: string; legacy: boolean }[] {
  const words = quotedWords(text, escapeToken);
  if (words[0] === undefined) return [];
  if (!words[0].includes('=')) {
    const at = text.search(BLANK);
    if (at < 0) throw invalid(`${instruction} must have two arguments`);
    return [{ key: text.slice(0, at), value: text.slice(at).replace(BLANK, ''), legacy: true }];
  }
  return words.map((word) => {
    const at = word.indexOf('=');
    if (at < 0) throw invalid(`Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`);
    return { key: word.slice(0, at), value: word.slice(at + 1), legacy: false };
  });
}

/** A JSON list of strings; undefined for what is no JSON list. A list of other things is an error. */
export function jsonWords(text: string): string[] | undefined {
  if (!text.trimStart().startsWith('[')) return undefined;
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(list)) return undefined;
  if (!list.every((item) => typeof item === 'string'))
    throw invalid('when using JSON array syntax, arrays must be comprised of strings only');
  return list;
}
