import { printf } from './printf.ts';
import { isMap, isTrue, Row, rowJson, show, toJson, type Value } from './value.ts';

export type TemplateFunction = (...args: Value[]) => Value;

function size(value: Value): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (isMap(value)) return Object.keys(value).length;
  throw new Error(value === null || value === undefined ? 'len of nil pointer' : `len of type ${typeof value}`);
}

/** A missing key of a map of texts reads as empty text, as Go's typed maps give; of any other map as nil. */
function absent(map: Record<string, Value>): Value {
  return Object.values(map).every((one) => typeof one === 'string') ? '' : null;
}

function index(value: Value, ...keys: Value[]): Value {
  let current = value;
  for (const key of keys) {
    if (Array.isArray(current) || typeof current === 'string') {
      const at = Number(key);
      if (!Number.isInteger(at) || at < 0 || at >= current.length)
        throw new Error(`error calling index: reflect: slice index out of range`);
      current = current[at];
    } else if (isMap(current)) current = Object.hasOwn(current, String(key)) ? current[String(key)] : absent(current);
    // A label map that the engine sent as null is an empty map.
    else if (current === null || current === undefined) current = '';
    else throw new Error(`error calling index: can't index item of type ${typeof current}`);
  }
  return current;
}

function slice(value: Value, from: Value = 0, to?: Value): Value {
  if (typeof value === 'string')
    return Buffer.from(value)
      .subarray(Number(from), to === undefined ? undefined : Number(to))
      .toString();
  if (Array.isArray(value)) return value.slice(Number(from), to === undefined ? undefined : Number(to));
  throw new Error(`error calling slice: can't slice item of type ${typeof value}`);
}

function order(a: Value, b: Value): number {
  const comparable = (value: Value) => typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string';
  if (!comparable(a) || !comparable(b)) throw new Error('invalid type for comparison');
  if ((typeof a === 'string') !== (typeof b === 'string')) throw new Error('incompatible types for comparison');
  return (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0;
}

function equal(a: Value, b: Value): boolean {
  if (a === undefined || a === null) return b === undefined || b === null;
  if (typeof a === 'number' || typeof a === 'bigint') {
    // biome-ignore lint/suspicious/noDoubleEquals: 1n and 1 are the same number.
    if (typeof b === 'number' || typeof b === 'bigint') return a == b;
  }
  if (b !== null && b !== undefined && typeof a !== typeof b) throw new Error('incompatible types for comparison');
  return a === b;
}

const words = (text: Value) => String(show(text));
const titled = (text: string) =>
  text.replace(/(^|[^\p{L}\p{N}_'])(\p{L})/gu, (_whole, before: string, letter: string) => before + letter.toUpperCase());

function print(...values: Value[]): string {
  // fmt.Print puts a space between two operands only when neither is a string.
  return values.reduce<string>(
    (text, value, i) => text + (i > 0 && typeof value !== 'string' && typeof values[i - 1] !== 'string' ? ' ' : '') + show(value),
    '',
  );
}

function escapeHtml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' };
  return text.replace(/[&<>"']/g, (c) => entities[c] ?? c);
}

/** Go's own functions; `and` and `or` are evaluated lazily by the executor, not here. */
const BUILTIN: Record<string, TemplateFunction> = {
  and: (...values) => values.find((value) => !isTrue(value)) ?? values.at(-1),
  or: (...values) => values.find(isTrue) ?? values.at(-1),
  not: (value) => !isTrue(value),
  len: size,
  index,
  slice,
  print,
  println: (...values) => `${values.map(show).join(' ')}\n`,
  printf: (format, ...values) => printf(show(format), values),
  html: (...values) => escapeHtml(print(...values)),
  js: (...values) =>
    JSON.stringify(print(...values))
      .slice(1, -1)
      .replaceAll("'", "\\'"),
  urlquery: (...values) => encodeURIComponent(print(...values)).replaceAll('%20', '+'),
  eq: (first, ...others) => others.some((other) => equal(first, other)),
  ne: (a, b) => !equal(a, b),
  lt: (a, b) => order(a, b) < 0,
  le: (a, b) => order(a, b) <= 0,
  gt: (a, b) => order(a, b) > 0,
  ge: (a, b) => order(a, b) >= 0,
  call: (target, ...args) => (target as TemplateFunction)(...args),
};

/** The functions that Docker adds. */
const DOCKER: Record<string, TemplateFunction> = {
  json: (value) => (value instanceof Row ? rowJson(value) : toJson(value, false)),
  split: (text, separator) => words(text).split(words(separator)),
  join: (list, separator) => (Array.isArray(list) ? list.map(show).join(words(separator)) : ''),
  title: (text) => titled(words(text)),
  lower: (text) => words(text).toLowerCase(),
  upper: (text) => words(text).toUpperCase(),
  pad: (text, before, after) => (words(text) === '' ? '' : ' '.repeat(Number(before)) + words(text) + ' '.repeat(Number(after))),
  truncate: (text, length) => words(text).slice(0, Number(length)),
};

export const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = { ...BUILTIN, ...DOCKER };

const same: TemplateFunction = (value) => value;

/** In the header line of a table the added functions leave the column's title alone. */
export const HEADER_FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  ...BUILTIN,
  ...Object.fromEntries(Object.keys(DOCKER).map((name) => [name, same])),
};
