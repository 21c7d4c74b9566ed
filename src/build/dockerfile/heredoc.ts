import { invalid } from '../../base/index.ts';
import type { Heredoc } from './dockerfile.ts';
import { expandWords, NO_VARIABLES } from './expand.ts';

/** `<<EOF`, `<<-"EOF"`, `3<<EOF`: undefined for what is no such mark. Its content is empty as yet. */
export function parseHeredocMark(word: string): Heredoc | undefined {
  const match = /^(\d*)<<(-?)\s*([^<]*)$/.exec(word);
  const delimiter = match?.[3];
  if (!match || !delimiter) return undefined;
  const plain = expandWords(delimiter, NO_VARIABLES, { escape: '\\', keepUnset: true });
  if (plain.length !== 1) return undefined;
  const raw = expandWords(delimiter, NO_VARIABLES, { escape: '\\', keepUnset: true, rawQuotes: true });
  if (raw.length !== 1) throw invalid(`the delimiter of a here-document is not one word: ${delimiter}`);
  const quotes = (text: string) => text.replace(/[^'"]/g, '').length;
  return { name: plain[0]!, content: '', expand: quotes(plain[0]!) === quotes(raw[0]!), chomp: match[2] === '-' };
}

/** All marks in a line, in order. */
export function heredocMarks(line: string): Heredoc[] {
  let words: string[];
  try {
    words = expandWords(line, NO_VARIABLES, { escape: '\\', keepUnset: true, rawQuotes: true, rawEscapes: true });
  } catch {
    // Quotes that are not closed are the shell's to complain about; here they mean that there is no here-document.
    return [];
  }
  return words.map((word) => markOrNone(word)).filter((mark) => mark !== undefined);
}

/** For words that are looked at only in case. */
export function markOrNone(word: string): Heredoc | undefined {
  try {
    return parseHeredocMark(word);
  } catch {
    return undefined;
  }
}

/** `<<-` takes the tabs at the beginning of each line away. */
export const withoutLeadingTabs = (content: string): string => content.replace(/^\t+/gm, '');
