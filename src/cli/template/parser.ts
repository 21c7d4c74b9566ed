import { lex, type Piece, TemplateSyntaxError, type Token } from './lexer.ts';

export type Operand = { readonly at: number } & (
  | { readonly kind: 'dot' }
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'field'; readonly names: readonly string[] }
  | { readonly kind: 'variable'; readonly name: string; readonly names: readonly string[] }
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'group'; readonly pipe: Pipe; readonly names: readonly string[] }
);

export type Command = readonly Operand[];

export interface Pipe {
  /** Variables that the pipe sets: one, or two in `range`. */
  readonly variables: readonly string[];
  readonly declares: boolean;
  readonly commands: readonly Command[];
}

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipe: Pipe }
  | { readonly kind: 'if' | 'with' | 'range'; readonly pipe: Pipe; readonly body: readonly Node[]; readonly otherwise: readonly Node[] }
  | { readonly kind: 'template'; readonly name: string; readonly pipe: Pipe | undefined }
  | { readonly kind: 'break' | 'continue' };

export interface Template {
  readonly source: string;
  readonly nodes: readonly Node[];
  readonly named: ReadonlyMap<string, readonly Node[]>;
}

/** Reads one action's tokens from left to right. */
class ActionReader {
  readonly #tokens: readonly Token[];
  readonly #source: string;
  readonly #functions: ReadonlySet<string>;
  #at = 0;

  constructor(source: string, tokens: readonly Token[], functions: ReadonlySet<string>) {
    this.#source = source;
    this.#tokens = tokens;
    this.#functions = functions;
  }

  fail(reason: string): never {
    throw new TemplateSyntaxError(this.#source, this.#tokens[Math.min(this.#at, this.#tokens.length - 1)]?.at ?? 0, reason);
  }

  peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#at + ahead];
  }

  takeWord(...words: string[]): string | undefined {
    const token = this.peek();
    if (token?.kind !== 'word' || !words.includes(token.text)) return undefined;
    this.#at += 1;
    return token.text;
  }

  takeString(): string {
    const token = this.peek();
    if (token?.kind !== 'string') this.fail('missing name of template');
    this.#at += 1;
    return token.text;
  }

  get done(): boolean {
    return this.#at >= this.#tokens.length;
  }

  #isSymbol(text: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token?.kind === 'symbol' && token.text === text;
  }

  pipe(context: string): Pipe {
    const { variables, declares } = this.#variables();
    const commands: Command[] = [this.#command(context)];
    while (this.#isSymbol('|')) {
      this.#at += 1;
      commands.push(this.#command(context));
    }
    return { variables, declares, commands };
  }

  #variables(): { variables: string[]; declares: boolean } {
    const first = this.peek();
    if (first?.kind !== 'variable') return { variables: [], declares: false };
    const two = this.#isSymbol(',', 1) && this.peek(2)?.kind === 'variable';
    const sign = two ? 3 : 1;
    const declares = this.#isSymbol(':=', sign);
    if (!declares && !this.#isSymbol('=', sign)) return { variables: [], declares: false };
    const variables = two ? [first.text, this.peek(2)?.text ?? ''] : [first.text];
    this.#at += sign + 1;
    return { variables, declares };
  }

  #command(context: string): Command {
    const operands: Operand[] = [];
    while (!this.done && !this.#isSymbol('|') && !this.#isSymbol(')')) operands.push(this.#operand());
    if (operands.length === 0) this.fail(`missing value for ${context}`);
    return operands;
  }

  #names(): string[] {
    const names: string[] = [];
    for (let next = this.peek(); next?.kind === 'field' && !next.spaced; next = this.peek()) {
      names.push(next.text);
      this.#at += 1;
    }
    return names;
  }

  #operand(): Operand {
    const token = this.peek();
    if (!token) this.fail('unexpected end of action');
    this.#at += 1;
    const at = token.at;
    switch (token.kind) {
      case 'string':
        return { kind: 'literal', value: token.text, at };
      case 'number':
        return { kind: 'literal', value: Number(token.text), at };
      case 'dot':
        return { kind: 'dot', at };
      case 'field': {
        const names = [token.text, ...this.#names()];
        return { kind: 'field', names, at: this.#tokens[this.#at - 1]?.at ?? at };
      }
      case 'variable':
        return { kind: 'variable', name: token.text, names: this.#names(), at };
      case 'word':
        return this.#word(token);
      default:
        return this.#group(token);
    }
  }

  #word(token: Token): Operand {
    const at = token.at;
    if (token.text === 'true' || token.text === 'false') return { kind: 'literal', value: token.text === 'true', at };
    if (token.text === 'nil') return { kind: 'literal', value: null, at };
    if (!this.#functions.has(token.text)) this.fail(`function ${JSON.stringify(token.text)} not defined`);
    return { kind: 'function', name: token.text, at };
  }

  #group(token: Token): Operand {
    if (token.text !== '(') this.fail(`unexpected ${JSON.stringify(token.text)} in operand`);
    const pipe = this.pipe('parenthesized pipeline');
    if (!this.#isSymbol(')')) this.fail('unclosed left paren');
    this.#at += 1;
    return { kind: 'group', pipe, names: this.#names(), at: token.at };
  }
}

class TemplateParser {
  readonly #source: string;
  readonly #pieces: readonly Piece[];
  readonly #functions: ReadonlySet<string>;
  readonly named = new Map<string, readonly Node[]>();
  #at = 0;

  constructor(source: string, functions: ReadonlySet<string>) {
    this.#source = source;
    this.#pieces = lex(source);
    this.#functions = functions;
  }

  /** Nodes up to `{{end}}` or `{{else …}}`, which is handed back as it stood. */
  list(inside: boolean): { nodes: Node[]; stop: ActionReader | undefined; word: string } {
    const nodes: Node[] = [];
    for (;;) {
      const piece = this.#pieces[this.#at];
      if (!piece) {
        if (inside) throw new TemplateSyntaxError(this.#source, this.#source.length, 'unexpected EOF');
        return { nodes, stop: undefined, word: '' };
      }
      this.#at += 1;
      if (piece.kind === 'text') {
        nodes.push({ kind: 'text', text: piece.text });
        continue;
      }
      const reader = new ActionReader(this.#source, piece.tokens, this.#functions);
      const word = reader.takeWord('end', 'else');
      if (word && !inside) reader.fail(`unexpected {{${word}}}`);
      if (word) return { nodes, stop: reader, word };
      const node = this.#action(reader);
      if (node) nodes.push(node);
    }
  }

  #action(reader: ActionReader): Node | undefined {
    const word = reader.takeWord('if', 'with', 'range', 'break', 'continue', 'template', 'define', 'block');
    switch (word) {
      case undefined: {
        const pipe = reader.pipe('command');
        if (!reader.done) reader.fail('unexpected right paren');
        return { kind: 'action', pipe };
      }
      case 'break':
      case 'continue':
        return { kind: word };
      case 'template': {
        const name = reader.takeString();
        return { kind: 'template', name, pipe: reader.done ? undefined : reader.pipe('template clause') };
      }
      case 'define':
      case 'block': {
        const name = reader.takeString();
        const pipe = word === 'block' ? reader.pipe('block clause') : undefined;
        this.named.set(name, this.list(true).nodes);
        return word === 'block' ? { kind: 'template', name, pipe } : undefined;
      }
      default:
        return this.#control(word as 'if' | 'with' | 'range', reader);
    }
  }

  #control(kind: 'if' | 'with' | 'range', reader: ActionReader): Node {
    const pipe = reader.pipe(kind);
    const first = this.list(true);
    if (first.word === 'end') return { kind, pipe, body: first.nodes, otherwise: [] };
    const chained = first.stop?.takeWord('if', 'with');
    // `{{else if x}}` is an `if` inside the else branch, and one `{{end}}` closes both.
    if (chained && first.stop) return { kind, pipe, body: first.nodes, otherwise: [this.#control(chained as 'if' | 'with', first.stop)] };
    const second = this.list(true);
    if (second.word !== 'end') second.stop?.fail('expected end; found {{else}}');
    return { kind, pipe, body: first.nodes, otherwise: second.nodes };
  }
}

/** Throws `TemplateSyntaxError`. `functions` are the names that may be called. */
export function parseTemplate(source: string, functions: ReadonlySet<string>): Template {
  const parser = new TemplateParser(source, functions);
  const { nodes } = parser.list(false);
  return { source, nodes, named: parser.named };
}
