/** One word of an action; `spaced` says whether white space stood before it, which separates `.A.B` from `.A .B`. */
export interface Token {
  readonly kind: 'field' | 'dot' | 'variable' | 'word' | 'string' | 'number' | 'symbol';
  /** Field and variable names come without `.` and `$`; strings are unquoted. */
  readonly text: string;
  /** Offset in the template. */
  readonly at: number;
  readonly spaced: boolean;
}

export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly tokens: readonly Token[]; readonly at: number };

/** The template cannot be read. The message follows Go's: `template: :1: unclosed action`. */
export class TemplateSyntaxError extends Error {
  constructor(source: string, at: number, reason: string) {
    super(`template: :${source.slice(0, at).split('\n').length}: ${reason}`);
    this.name = 'TemplateSyntaxError';
  }
}

const ESCAPES: Record<string, string> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\', "'": "'", '"': '"' };

function unquote(body: string): string {
  return body.replace(/\\(x[\da-f]{2}|u[\da-f]{4}|U[\da-f]{8}|[0-7]{3}|.)/gi, (_whole, code: string) => {
    if (/^[xuU][\da-f]+$/i.test(code) && code.length > 1) return String.fromCodePoint(Number.parseInt(code.slice(1), 16));
    if (/^[0-7]{3}$/.test(code)) return String.fromCharCode(Number.parseInt(code, 8));
    return ESCAPES[code] ?? `\\${code}`;
  });
}

const WORD =
  /\s+|\/\*[\s\S]*?\*\/|"((?:[^"\\\n]|\\.)*)"|`([^`]*)`|'((?:[^'\\\n]|\\.)+)'|\.([\p{L}_][\p{L}\p{N}_]*)|\$([\p{L}\p{N}_]*)|([+-]?(?:0x[\da-f_]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:e[+-]?\d+)?))|([\p{L}_][\p{L}\p{N}_]*)|(:=|[|(),=.])/giuy;

function lexAction(source: string, from: number, to: number): Token[] {
  const tokens: Token[] = [];
  let spaced = true;
  WORD.lastIndex = from;
  while (WORD.lastIndex < to) {
    const at = WORD.lastIndex;
    const found = WORD.exec(source);
    if (!found) {
      const reason = source[at] === '"' ? 'unterminated quoted string' : `unexpected ${JSON.stringify(source[at])} in operand`;
      throw new TemplateSyntaxError(source, at, reason);
    }
    const [whole, double, raw, character, field, variable, number, word, symbol] = found;
    const add = (kind: Token['kind'], text: string) => tokens.push({ kind, text, at, spaced });
    if (/^\s/.test(whole) || whole.startsWith('/*')) {
      spaced = true;
      continue;
    }
    if (double !== undefined) add('string', unquote(double));
    else if (raw !== undefined) add('string', raw);
    else if (character !== undefined) add('number', String(unquote(character).codePointAt(0) ?? 0));
    else if (field !== undefined) add('field', field);
    else if (variable !== undefined) add('variable', variable);
    else if (number !== undefined) add('number', number.replaceAll('_', ''));
    else if (word !== undefined) add('word', word);
    else if (symbol === '.') add('dot', '.');
    else add('symbol', symbol ?? '');
    spaced = false;
  }
  return tokens;
}

/** End of the action that starts at `from`: the `}}` outside strings and comments. */
function actionEnd(source: string, from: number): number {
  const skip = /"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)*'|\/\*[\s\S]*?\*\/|\}\}|[\s\S]/gy;
  skip.lastIndex = from;
  for (let found = skip.exec(source); found; found = skip.exec(source)) {
    if (found[0] === '}}') return found.index;
  }
  throw new TemplateSyntaxError(source, source.length, 'unclosed action');
}

/** Cuts a template into text and actions; `{{-` and `-}}` have taken the white space next to them. */
export function lex(source: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  let trimStart = false;
  while (at <= source.length) {
    const open = source.indexOf('{{', at);
    let text = source.slice(at, open < 0 ? source.length : open);
    if (trimStart) text = text.trimStart();
    if (open < 0) {
      if (text !== '') pieces.push({ kind: 'text', text });
      break;
    }
    const trimBefore = /^\{\{-\s/.test(source.slice(open, open + 4));
    if (trimBefore) text = text.trimEnd();
    if (text !== '') pieces.push({ kind: 'text', text });
    const from = open + (trimBefore ? 3 : 2);
    const close = actionEnd(source, from);
    trimStart = /\s-$/.test(source.slice(from, close));
    const tokens = lexAction(source, from, trimStart ? close - 1 : close);
    const comment = tokens.length === 0 && source.slice(from, close).includes('/*');
    if (tokens.length === 0 && !comment) throw new TemplateSyntaxError(source, open, 'missing value for command');
    if (!comment) pieces.push({ kind: 'action', tokens, at: from });
    at = close + 2;
  }
  return pieces;
}
