import { posix } from 'node:path';
import { invalid } from '../../base/index.ts';

/**
 * The two pattern languages of builds. Paths in COPY are matched as Go's filepath.Match does, a name at a time; `.dockerignore`,
 * `--exclude` and `--parents` know `**`, and a pattern that matches a directory speaks for all in it.
 * Our own, since no package has both with the escapes and the order of the originals, and it is a page of code.
 */

/** Whether a name of a path is a pattern. */
export function hasWildcards(text: string): boolean {
  return /[*?[]/.test(text.replace(/\\[\s\S]/g, ''));
}

/** The name that a text without wildcards means: a `\` takes the meaning from what follows. */
export const unescaped = (text: string): string => text.replace(/\\([\s\S])/g, '$1');

/** One name of a path (Go's filepath.Match): `*`, `?`, `[a-z]`, `[^a]`, `\x`. A pattern that is damaged matches nothing. */
export function nameMatcher(pattern: string): (name: string) => boolean {
  let source = '';
  const letters = Array.from(pattern);
  for (let at = 0; at < letters.length; at += 1) {
    const letter = letters[at] as string;
    if (letter === '*') source += letters[at - 1] === '*' ? '' : '[^/]*';
    else if (letter === '?') source += '[^/]';
    else if (letter === '\\') {
      at += 1;
      if (letters[at] === undefined) return () => false;
      source += quoted(letters[at] as string);
    } else if (letter === '[') {
      const group = characterClass(letters, at);
      if (!group) return () => false;
      source += group.source;
      at = group.end;
    } else source += quoted(letter);
  }
  const expression = new RegExp(`^${source}$`, 'su');
  return (name) => expression.test(name);
}

/** `end` is where the closing bracket is. */
function characterClass(letters: readonly string[], start: number): { source: string; end: number } | undefined {
  let at = start + 1;
  const negated = letters[at] === '^';
  if (negated) at += 1;
  const ranges: string[] = [];
  const one = (): string | undefined => {
    if (letters[at] === '\\') at += 1;
    else if (letters[at] === '-' || letters[at] === ']') return undefined;
    const letter = letters[at];
    at += 1;
    return letter;
  };
  while (letters[at] !== ']' || ranges.length === 0) {
    const low = one();
    let high = low;
    if (letters[at] === '-') {
      at += 1;
      high = one();
    }
    if (low === undefined || high === undefined || letters[at] === undefined) return undefined;
    if (low <= high) ranges.push(`${hex(low)}-${hex(high)}`);
    else ranges.push('');
  }
  const body = ranges.join('');
  if (negated) return { source: `(?!/)[^${body}]`, end: at };
  return { source: body === '' ? '(?!)' : `(?!/)[${body}]`, end: at };
}

const hex = (letter: string): string => `\\u{${(letter.codePointAt(0) as number).toString(16)}}`;
const quoted = (letter: string): string => (/[A-Za-z0-9_/]/.test(letter) ? letter : hex(letter));

interface Rule {
  negated: boolean;
  matches(path: string): boolean;
}

/** What each rule said of a directory: its children inherit it. */
export type ParentResult = readonly boolean[];

/** Lines of a `.dockerignore`, or values of `--exclude`, in order: the last one that matches a path or a directory above it decides. */
export class PathMatcher {
  readonly #rules: readonly Rule[];
  /** Whether one of them begins with `!`: then what is below an excluded directory may be wanted. */
  readonly hasExceptions: boolean;

  constructor(patterns: readonly string[]) {
    this.#rules = patterns
      .map((pattern) => pattern.trim())
      .filter((pattern) => pattern !== '')
      .map(compiled);
    this.hasExceptions = this.#rules.some((rule) => rule.negated);
  }

  get empty(): boolean {
    return this.#rules.length === 0;
  }

  /** `path` is relative, without '/' at its end; `parent` is the result of the directory that holds it, if there is one. */
  match(path: string, parent?: ParentResult): { matched: boolean; result: ParentResult } {
    let matched = false;
    const result: boolean[] = [];
    for (const [index, rule] of this.#rules.entries()) {
      let hit = parent?.[index] ?? false;
      // A rule that can't change anything is not asked.
      if (!hit && rule.negated === matched)
        hit = rule.matches(path) || (parent === undefined && above(path).some((dir) => rule.matches(dir)));
      result.push(hit);
      if (hit) matched = !rule.negated;
    }
    return { matched, result };
  }
}

function above(path: string): string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}

function compiled(text: string): Rule {
  const negated = text.startsWith('!');
  if (text === '!') throw invalid('illegal exclusion pattern: "!"');
  const pattern = cleaned(negated ? text.slice(1) : text);
  if (!hasWildcards(pattern) && !pattern.includes('\\')) return { negated, matches: (path) => path === pattern };
  let expression: RegExp;
  try {
    expression = new RegExp(`^${translated(pattern)}$`, 's');
  } catch {
    throw invalid(`syntax error in pattern: ${text}`);
  }
  return { negated, matches: (path) => expression.test(path) };
}

function cleaned(pattern: string): string {
  const plain = posix.normalize(pattern);
  return plain.length > 1 ? plain.replace(/\/$/, '') : plain;
}

/** `**` stands for any number of directories, none among them. */
function translated(pattern: string): string {
  let source = '';
  for (let at = 0; at < pattern.length; at += 1) {
    const letter = pattern[at] as string;
    if (letter === '*' && pattern[at + 1] === '*') {
      at += 1;
      if (pattern[at + 1] === '/') at += 1;
      source += at + 1 >= pattern.length ? '.*' : '(?:.*/)?';
    } else if (letter === '*') source += '[^/]*';
    else if (letter === '?') source += '[^/]';
    else if (letter === '\\') {
      at += 1;
      source += at < pattern.length ? escapeLetter(pattern[at] as string) : '\\\\';
    } else if (letter === '[' || letter === ']') source += letter;
    else source += letter === '^' || letter === '-' ? letter : escapeLetter(letter);
  }
  return source;
}

const escapeLetter = (letter: string): string => letter.replace(/[.+*?()|{}$^[\]\\]/g, '\\$&');
