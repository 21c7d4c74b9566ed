import { GantryError, invalid } from '../../base/index.ts';
import type { SourceRange } from '../builder.ts';
import { DockerfileError } from '../errors.ts';
import type { Heredoc } from './dockerfile.ts';
import { heredocMarks } from './heredoc.ts';
import { jsonWords, splitCommand } from './words.ts';

/** One instruction's text: continuation lines joined, comments inside gone, here-documents attached. */
export interface LogicalLine {
  text: string;
  range: SourceRange;
  /** Of the comment right above. */
  comments: string[];
  heredocs: Heredoc[];
}

export interface Lines {
  lines: LogicalLine[];
  escape: string;
  syntax: string | undefined;
  check: string | undefined;
  emptyContinuations: number[];
}

/** Bytes of one line, its end included, as Docker has it. */
const MAX_LINE = 64 * 1024;

/** Runs something, and says where in the Dockerfile it went wrong. */
export function located<T>(range: SourceRange, work: () => T, prefix = ''): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof DockerfileError || !(error instanceof GantryError)) throw error;
    throw new DockerfileError(prefix + error.message, [range]);
  }
}

export function readLines(data: Uint8Array): Lines {
  return new LineReader(data).read();
}

class LineReader {
  readonly #lines: string[];
  readonly #result: Lines = { lines: [], escape: '\\', syntax: undefined, check: undefined, emptyContinuations: [] };
  readonly #directives = new Set<string>();
  #atTop = true;
  /** Lines taken so far, which is the number of the last one. */
  #line = 0;
  #comments: string[] = [];

  constructor(data: Uint8Array) {
    const text = new TextDecoder('utf-8').decode(data);
    this.#lines = text.split('\n').map((line, i, all) => (i < all.length - 1 ? `${line}\n` : line));
    if (this.#lines.at(-1) === '') this.#lines.pop();
  }

  read(): Lines {
    while (this.#line < this.#lines.length) this.#readOne();
    if (this.#result.lines.length === 0) throw new DockerfileError('file with no instructions', [at(this.#line)]);
    return this.#result;
  }

  #take(): string {
    const line = this.#lines[this.#line++]!;
    if (line.length > MAX_LINE / 4 && Buffer.byteLength(line) >= MAX_LINE)
      throw new DockerfileError(`dockerfile line greater than max allowed size of ${MAX_LINE - 1}`, [at(this.#line)]);
    return line;
  }

  #readOne(): void {
    const first = withoutEnd(this.#take()).trimStart();
    if (first.startsWith('#')) {
      if (!this.#directive(first)) this.#comment(first.slice(1).trim());
      return;
    }
    this.#atTop = false;
    const start = this.#line;
    let { text, ends } = this.#withoutContinuation(first);
    if (ends && text === '') {
      return;
    }
    const parts = [text];
    let emptyLine = false;
    while (!ends && this.#line < this.#lines.length) {
      const next = withoutEnd(this.#take());
      if (next.trimStart().startsWith('#')) continue;
      if (next.trim() === '') {
        emptyLine = true;
        continue;
      }
      ({ text, ends } = this.#withoutContinuation(next));
      parts.push(text);
    }
    if (emptyLine) this.#result.emptyContinuations.push(this.#line);
    this.#add(parts.join(''), start);
  }

  #add(text: string, start: number): void {
    const heredocs = located({ start, end: this.#line }, () => (mayHoldHeredocs(text, this.#result.escape) ? heredocMarks(text) : []));
    const filled = heredocs.map((heredoc) => ({ ...heredoc, content: this.#heredoc(heredoc, start) }));
    this.#result.lines.push({ text, range: { start, end: this.#line }, comments: this.#comments, heredocs: filled });
    this.#comments = [];
  }

  #heredoc(heredoc: Heredoc, start: number): string {
    const content: string[] = [];
    while (this.#line < this.#lines.length) {
      const line = this.#take();
      const bare = withoutEnd(line);
      if ((heredoc.chomp ? bare.replace(/^\t+/, '') : bare) === heredoc.name) return content.join('');
      content.push(line);
    }
    throw new DockerfileError('unterminated heredoc', [{ start, end: this.#line }]);
  }

  #comment(text: string): void {
    this.#atTop = false;
    if (text === '') this.#comments = [];
    else this.#comments.push(text);
  }

  /** `# name=value`, at the top only. */
  #directive(line: string): boolean {
    if (!this.#atTop) return false;
    const [, written = '', value = ''] = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    const name = written.toLowerCase();
    if (value === '' || (name !== 'syntax' && name !== 'escape' && name !== 'check')) return false;
    located(at(this.#line), () => {
      if (this.#directives.has(name)) throw invalid(`only one ${name} parser directive can be used`);
      if (name === 'escape' && value !== '\\' && value !== '`') throw invalid(`invalid escape token '${value}' does not match \` or \\`);
    });
    this.#directives.add(name);
    this.#result[name] = value;
    return true;
  }

  /** The escape at a line's end joins the next line to it, unless it is escaped itself. */
  #withoutContinuation(line: string): { text: string; ends: boolean } {
    const token = this.#result.escape;
    const bare = line.replace(/[ \t]+$/, '');
    if (!bare.endsWith(token) || bare.at(-2) === token) return { text: line, ends: true };
    return { text: bare.slice(0, -1), ends: false };
  }
}

const at = (line: number): SourceRange => ({ start: line, end: line });
const withoutEnd = (line: string): string => line.replace(/[\r\n]+$/, '');

/** ADD, COPY and RUN in their shell form, also behind ONBUILD. */
function mayHoldHeredocs(text: string, escapeToken: string): boolean {
  if (!text.includes('<<')) return false;
  let command = splitCommand(text, escapeToken);
  if (/^onbuild$/i.test(command.keyword)) command = splitCommand(command.rest, escapeToken);
  return /^(add|copy|run)$/i.test(command.keyword) && jsonWords(command.rest) === undefined;
}
