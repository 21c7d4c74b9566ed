import { invalid } from '../../base/index.ts';
import { parsePattern, replaceMatches, withoutPrefix, withoutSuffix } from './wildcard.ts';

/** Where values of variables come from. */
export interface Variables {
  get(name: string): string | undefined;
}

export const NO_VARIABLES: Variables = { get: () => undefined };

export interface ExpandOptions {
  /** `\` or `` ` ``. */
  escape: string;
  /** Leave quotes and escapes in the text. */
  rawQuotes?: boolean;
  rawEscapes?: boolean;
  /** Quotes are letters like others. */
  plainQuotes?: boolean;
  /** Leave references to unset variables as they are. */
  keepUnset?: boolean;
}

export interface Expanded {
  text: string;
  used: ReadonlySet<string>;
  missing: ReadonlySet<string>;
}

/** One text may grow so far: a chain of ENV that doubles each time must not fill the memory. */
const LENGTH_LIMIT = 1024 * 1024;
const DEPTH_LIMIT = 100;

/** Replaces `$name` and `${name…}`, and takes quotes and escapes away, as the Dockerfile reference tells. Errors are `invalid`. */
export function expandWord(source: string, variables: Variables, options: ExpandOptions): Expanded {
  const lexer = new Lexer(source, variables, options, false);
  return { text: lexer.run().text, used: lexer.used, missing: lexer.missing };
}

/** As `expandWord`, then splits at white space that was not quoted. */
export function expandWords(source: string, variables: Variables, options: ExpandOptions): string[] {
  return new Lexer(source, variables, options, true).run().words;
}

const isSpace = (letter: string): boolean => /\s/.test(letter);
const SPECIAL = new Set(['@', '*', '#', '?', '-', '$', '!', '0']);

class Lexer {
  readonly used = new Set<string>();
  readonly missing = new Set<string>();
  readonly #source: string;
  readonly #variables: Variables;
  readonly #options: ExpandOptions;
  readonly #splits: boolean;
  #at = 0;
  #depth = 0;

  constructor(source: string, variables: Variables, options: ExpandOptions, splits: boolean) {
    this.#splits = splits;
    this.#source = source;
    this.#variables = variables;
    this.#options = options;
  }

  run(): { text: string; words: string[] } {
    try {
      return this.#until('', this.#options.rawEscapes ?? false);
    } catch (error) {
      const shown = this.#source.length > 300 ? `${this.#source.slice(0, 300)}…` : this.#source;
      throw invalid(`failed to process ${JSON.stringify(shown)}: ${(error as Error).message}`);
    }
  }

  #peek(): string {
    return this.#source[this.#at] ?? '';
  }

  #next(): string {
    return this.#source[this.#at++] ?? '';
  }

  get #ended(): boolean {
    return this.#at >= this.#source.length;
  }

  /** Up to a letter, which is taken but not part of the result; '' is the end. */
  #until(stop: string, rawEscapes: boolean): { text: string; words: string[] } {
    if (++this.#depth > DEPTH_LIMIT) throw invalid('substitutions are nested too deeply');
    const words = new WordList(this.#splits && stop === '');
    let text = '';
    while (!this.#ended) {
      const letter = this.#peek();
      if (stop !== '' && letter === stop) {
        this.#at++;
        this.#depth--;
        return { text, words: words.finish() };
      }
      const special = this.#special(letter, rawEscapes);
      if (special !== undefined) {
        text += special;
        if (letter === '$') words.addSplit(special);
        else words.addWhole(special);
      } else {
        this.#at++;
        if (letter === this.#options.escape) {
          if (rawEscapes) {
            words.addWhole(letter);
            text += letter;
          }
          if (this.#ended) break;
          const escaped = this.#next();
          words.addWhole(escaped);
          text += escaped;
        } else {
          words.addSplit(letter);
          text += letter;
        }
      }
      if (text.length > LENGTH_LIMIT) throw invalid(`the result is longer than ${LENGTH_LIMIT} letters`);
    }
    if (stop !== '') throw invalid(`unexpected end of statement while looking for matching ${stop}`);
    this.#depth--;
    return { text, words: words.finish() };
  }

  #special(letter: string, rawEscapes: boolean): string | undefined {
    if (letter === '$') return this.#dollar();
    if (letter === '<') return this.#heredocMark();
    if (this.#options.plainQuotes) return undefined;
    if (letter === "'") return this.#singleQuoted();
    return letter === '"' ? this.#doubleQuoted(rawEscapes) : undefined;
  }

  #singleQuoted(): string {
    const end = this.#source.indexOf("'", this.#at + 1);
    if (end < 0) throw invalid('unexpected end of statement while looking for matching single-quote');
    const inner = this.#source.slice(this.#at + 1, end);
    this.#at = end + 1;
    return this.#options.rawQuotes ? `'${inner}'` : inner;
  }

  #doubleQuoted(rawEscapes: boolean): string {
    const quote = this.#options.rawQuotes ? '"' : '';
    let text = quote;
    this.#at++;
    for (;;) {
      if (this.#ended) throw invalid('unexpected end of statement while looking for matching double-quote');
      if (text.length > LENGTH_LIMIT) throw invalid(`the result is longer than ${LENGTH_LIMIT} letters`);
      const letter = this.#peek();
      if (letter === '$') {
        text += this.#dollar();
        continue;
      }
      this.#at++;
      if (letter === '"') return text + quote;
      if (letter !== this.#options.escape) {
        text += letter;
        continue;
      }
      if (rawEscapes) text += letter;
      if (this.#ended) continue;
      // Within double quotes the escape takes effect before these only; before others it is a letter.
      const next = this.#peek();
      text += next === '"' || next === '$' || next === letter ? this.#next() : letter;
    }
  }

  /** `<<` keeps the white space after it, so that `<< EOF` stays one word. */
  #heredocMark(): string {
    this.#at++;
    if (this.#peek() !== '<') return '<';
    this.#at++;
    let space = '';
    while (/[\t\r ]/.test(this.#peek())) space += this.#next();
    return `<<${space}`;
  }

  #dollar(): string {
    this.#at++;
    if (this.#peek() === '{') {
      this.#at++;
      return this.#braces();
    }
    const name = this.#name();
    if (name === '') return '$';
    const value = this.#value(name);
    return value === undefined && this.#options.keepUnset ? `$${name}` : (value ?? '');
  }

  #braces(): string {
    if (this.#ended) throw invalid("syntax error: missing '}'");
    if ('{}:'.includes(this.#peek())) throw invalid('syntax error: bad substitution');
    const name = this.#name();
    let mark = this.#next();
    let emptyIsUnset = false;
    if (mark === '}') {
      const value = this.#value(name);
      return value === undefined && this.#options.keepUnset ? `\${${name}}` : (value ?? '');
    }
    if (mark === '/') return this.#replacement(name);
    if (mark === ':') {
      emptyIsUnset = true;
      mark = this.#next();
    }
    const modifier = (emptyIsUnset ? ':' : '') + mark;
    const trims = mark === '#' || mark === '%';
    if (mark === '' || !'+-?#%'.includes(mark) || (emptyIsUnset && trims))
      throw invalid(`unsupported modifier (${modifier}) in substitution`);
    const word = this.#part('}', trims, "syntax error: missing '}'");
    const value = this.#value(name);
    if (this.#options.keepUnset && value === undefined) return `\${${name}${modifier}${word}}`;
    return applyModifier(mark, name, word, value, emptyIsUnset);
  }

  #replacement(name: string): string {
    const all = this.#peek() === '/';
    if (all) this.#at++;
    const pattern = this.#part('/', true, "syntax error: missing '/' in ${}");
    const replacement = this.#part('}', true, "syntax error: missing '}'");
    const value = this.#value(name);
    if (value === undefined && this.#options.keepUnset) return `\${${name}/${pattern}/${replacement}}`;
    return replaceMatches(parsePattern(pattern), value ?? '', replacement, all);
  }

  #part(stop: string, rawEscapes: boolean, unfinished: string): string {
    try {
      return this.#until(stop, rawEscapes).text;
    } catch (error) {
      if (this.#ended) throw invalid(unfinished);
      throw error;
    }
  }

  #name(): string {
    const rest = /^(?:\p{Nd}+|[@*#?$!-]|[\p{L}\p{Nd}_]*)/u;
    // A slice, since a sticky expression over the whole text is as good but harder to read; names are short.
    const window = this.#source.slice(this.#at, this.#at + 300);
    const name = rest.exec(window)?.[0] ?? '';
    if (SPECIAL.has(window[0] ?? '') && window[0] !== '0') {
      this.#at++;
      return window[0]!;
    }
    this.#at += name.length;
    return name;
  }

  #value(name: string): string | undefined {
    const value = this.#variables.get(name);
    (value === undefined ? this.missing : this.used).add(name);
    return value;
  }
}

function applyModifier(mark: string, name: string, word: string, value: string | undefined, emptyIsUnset: boolean): string {
  const unset = value === undefined || (emptyIsUnset && value === '');
  if (mark === '-') return unset ? word : (value ?? '');
  if (mark === '+') return unset ? '' : word;
  if (mark === '?') {
    if (!unset) return value ?? '';
    throw invalid(`${name}: ${word === '' ? `is not allowed to be ${value === undefined ? 'unset' : 'empty'}` : word}`);
  }
  const longest = word.startsWith(mark);
  const pattern = parsePattern(longest ? word.slice(1) : word);
  return mark === '%' ? withoutSuffix(pattern, value ?? '', longest) : withoutPrefix(pattern, value ?? '', longest);
}

class WordList {
  readonly #words: string[] = [];
  #word = '';
  #inWord = false;
  readonly #wanted: boolean;

  constructor(wanted: boolean) {
    this.#wanted = wanted;
  }

  addWhole(text: string): void {
    if (!this.#wanted) return;
    this.#word += text;
    this.#inWord = true;
  }

  addSplit(text: string): void {
    if (!this.#wanted) return;
    for (const letter of text) {
      if (!isSpace(letter)) this.addWhole(letter);
      else if (this.#inWord && this.#word !== '') {
        this.#words.push(this.#word);
        this.#word = '';
        this.#inWord = false;
      }
    }
  }

  finish(): string[] {
    if (this.#word !== '') this.#words.push(this.#word);
    return this.#words;
  }
}
