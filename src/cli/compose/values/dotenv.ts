import { BadVariable, interpolate, type Lookup } from './interpolate.ts';

/** A line of a file of variables that cannot be read; one-based. */
export class BadLine extends Error {
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', $: '$$' };

/**
 * Reads a file of variables: `NAME=value`, `export NAME=value`, comments, values in single quotes as they stand, in double quotes with escapes, both
 * over several lines. Variables in values come from `outside` first, then from earlier lines. A name alone takes its value from `outside`.
 * Compose Specification, "Env_file format". Throws `BadLine`.
 */
export function parseVariables(text: string, outside: Lookup): Map<string, string> {
  const found = new Map<string, string>();
  const lookup: Lookup = (name) => outside(name) ?? found.get(name);
  const pattern = /^[ \t]*(?:export[ \t]+)?([^\s=:#][^\s=:]*)[ \t]*(?:[=:][ \t]*)?/;
  const body = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  let at = 0;
  while (at < body.length) {
    const end = lineEnd(body, at);
    const line = body.slice(at, end);
    if (/^\s*(#|$)/.test(line)) {
      at = end + 1;
      continue;
    }
    const number = body.slice(0, at).split('\n').length;
    const match = pattern.exec(line);
    if (!match?.[1]) throw new BadLine(`${JSON.stringify(line.trim())} is not NAME=value`, number);
    const name = match[1];
    if (!/[=:]/.test(match[0])) {
      const inherited = outside(name);
      if (inherited !== undefined) found.set(name, inherited);
      at = end + 1;
      continue;
    }
    const value = readValue(body, at + match[0].length, number);
    try {
      found.set(name, value.raw ? value.text : interpolate(value.text, lookup));
    } catch (error) {
      throw error instanceof BadVariable ? new BadLine(error.message, number) : error;
    }
    at = lineEnd(body, value.end) + 1;
  }
  return found;
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end;
}

function readValue(body: string, from: number, line: number): { text: string; raw: boolean; end: number } {
  const quote = body[from];
  if (quote !== '"' && quote !== "'") {
    const end = lineEnd(body, from);
    const text = body.slice(from, end);
    const comment = /(^|\s)#/.exec(text);
    return { text: (comment ? text.slice(0, comment.index) : text).trim(), raw: false, end };
  }
  for (let at = from + 1; at < body.length; at += 1) {
    if (body[at] === '\\' && quote === '"') at += 1;
    else if (body[at] === quote) {
      const inner = body.slice(from + 1, at);
      return { text: quote === "'" ? inner : withEscapes(inner), raw: quote === "'", end: at + 1 };
    }
  }
  throw new BadLine(`a value begins with ${quote} and does not end with it`, line);
}

const withEscapes = (text: string) => text.replaceAll(/\\(.)/gs, (whole, letter: string) => ESCAPES[letter] ?? whole);

/** Lines as they stand, without quotes and variables: `format: raw`. */
export function parseRawVariables(text: string): Map<string, string> {
  const pairs = text
    .split(/\r?\n/)
    .filter((line) => line.includes('=') && !line.trimStart().startsWith('#'))
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const);
  return new Map(pairs);
}
