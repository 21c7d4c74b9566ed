/** What a name stands for; undefined when it is not set. */
export type Lookup = (name: string) => string | undefined;

/** Part of a text that cannot be read; `at` is its offset in the text. */
export class BadVariable extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

const FORMS = '${NAME}, ${NAME:-default}, ${NAME:?message} or ${NAME:+replacement}';

/** Nesting that nobody writes by hand. */
const DEEPEST = 50;

/**
 * Puts variables into a text: `$NAME`, `${NAME}`, with `:-` `-` (default), `:?` `?` (error), `:+` `+` (replacement), nested; `$$` is one
 * dollar. A variable that is not set is empty, and told to `missing`. Throws `BadVariable`.
 * Compose Specification, "Interpolation".
 */
export function interpolate(text: string, lookup: Lookup, missing: (name: string) => void = () => {}): string {
  return text.includes('$') ? new Interpolation(text, lookup, missing).until(undefined, 0) : text;
}

class Interpolation {
  readonly #text: string;
  readonly #lookup: Lookup;
  readonly #missing: (name: string) => void;
  #at = 0;

  constructor(text: string, lookup: Lookup, missing: (name: string) => void) {
    this.#text = text;
    this.#lookup = lookup;
    this.#missing = missing;
  }

  /** Reads up to the end of the text, or to the brace that closes the variable at `start`. */
  until(start: number | undefined, depth: number): string {
    let made = '';
    while (this.#at < this.#text.length) {
      const letter = this.#text[this.#at];
      if (start !== undefined && letter === '}') return made;
      if (letter === '$') made += this.#variable(depth);
      else {
        made += letter;
        this.#at += 1;
      }
    }
    if (start !== undefined) throw new BadVariable(`"${this.#text.slice(start)}" lacks its closing brace`, start);
    return made;
  }

  #variable(depth: number): string {
    const start = this.#at;
    const next = this.#text[start + 1] ?? '';
    if (next === '$') {
      this.#at += 2;
      return '$';
    }
    if (next === '{') return this.#braced(start, depth);
    const name = /^[A-Za-z_][A-Za-z0-9_]*/.exec(this.#text.slice(start + 1))?.[0];
    if (name === undefined) throw new BadVariable('a lone dollar: write $$ for one that is meant as it stands', start);
    this.#at += 1 + name.length;
    return this.#value(name);
  }

  #braced(start: number, depth: number): string {
    if (depth > DEEPEST) throw new BadVariable('variables are nested too deeply', start);
    const match = /^\$\{([A-Za-z_][A-Za-z0-9_]*)(:?[-?+])?/.exec(this.#text.slice(start));
    const [whole, name, operator = ''] = match ?? [];
    const end = start + (whole?.length ?? 0);
    if (name === undefined || (operator === '' && this.#text[end] !== '}')) {
      closingBrace(this.#text, start + 2, start);
      throw new BadVariable(`"${shown(this.#text, start)}" is not a variable: ${FORMS}`, start);
    }
    this.#at = end;
    const value = this.#lookup(name);
    const there = operator.startsWith(':') ? value !== undefined && value !== '' : value !== undefined;
    const wanted = operator.endsWith('+') ? there : !there;
    const word = this.#word(start, depth, operator !== '' && wanted);
    this.#at += 1;
    if (operator.endsWith('?') && !there) throw new BadVariable(`the variable ${name} is required${word === '' ? '' : `: ${word}`}`, start);
    if (operator.endsWith('-')) return there ? (value ?? '') : word;
    if (operator.endsWith('+')) return there ? word : '';
    return this.#value(name);
  }

  /** What follows the operator. A word that is not used asks for no variables. */
  #word(start: number, depth: number, used: boolean): string {
    if (used) return this.until(start, depth + 1);
    this.#at = closingBrace(this.#text, this.#at, start);
    return '';
  }

  #value(name: string): string {
    const value = this.#lookup(name);
    if (value === undefined) this.#missing(name);
    return value ?? '';
  }
}

/** Offset of the brace that closes the variable at `start`, over nested ones. */
function closingBrace(text: string, from: number, start: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    if (text.startsWith('${', at)) depth += 1;
    else if (text[at] === '}' && depth === 0) return at;
    else if (text[at] === '}') depth -= 1;
  }
  throw new BadVariable(`"${shown(text, start)}" lacks its closing brace`, start);
}

function shown(text: string, from: number): string {
  const end = text.indexOf('}', from);
  return text.slice(from, end < 0 ? from + 40 : end + 1);
}
