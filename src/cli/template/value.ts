/** A value that a template works on: what JSON can hold, and rows of a listing. */
export type Value = unknown;

/**
 * One line of a listing. Fields are computed when a template asks for them; `methods` take arguments, as `.Label "name"` does.
 * `type` is the name used in error messages.
 */
export class Row {
  readonly type: string;
  readonly fields: Readonly<Record<string, () => Value>>;
  readonly methods: Readonly<Record<string, (...args: Value[]) => Value>>;

  constructor(type: string, fields: Record<string, () => Value>, methods: Record<string, (...args: Value[]) => Value> = {}) {
    this.type = type;
    this.fields = fields;
    this.methods = methods;
  }

  /** All fields by name, sorted: what `--format json` prints. */
  toObject(): Record<string, Value> {
    return Object.fromEntries(
      Object.keys(this.fields)
        .sort()
        .map((name) => [name, this.fields[name]?.()]),
    );
  }
}

export const isMap = (value: Value): value is Record<string, Value> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Row);

export const sortedKeys = (map: Record<string, Value>) => Object.keys(map).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));

/** Go's truth: nil, false, zero and everything empty are false. */
export function isTrue(value: Value): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isMap(value)) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** Text as fmt.Print gives it: `[a b]`, `map[k:v]`, `<nil>`. */
export function show(value: Value): string {
  if (value === null) return '<nil>';
  if (value === undefined) return '<no value>';
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return showNumber(value);
  if (Array.isArray(value)) return `[${value.map(show).join(' ')}]`;
  if (value instanceof Row) return show(value.toObject());
  if (isMap(value)) {
    return `map[${sortedKeys(value)
      .map((key) => `${key}:${show(value[key])}`)
      .join(' ')}]`;
  }
  return String(value);
}

function showNumber(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('fullwide', { useGrouping: false });
  return String(value).replace(/e([+-])(\d)$/, 'e$10$2');
}

/** A whole number that JSON.stringify writes digit by digit. TypeScript's library does not know `rawJSON` yet. */
const exact = (value: bigint): unknown => (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(value.toString());

/** JSON as Go's encoder writes it; `escapeHtml` also writes `<`, `>` and `&` as \u escapes. */
export function toJson(value: Value, escapeHtml: boolean): string {
  const text = JSON.stringify(value, (_key, inner: unknown) => {
    if (inner instanceof Row) return inner.toObject();
    return typeof inner === 'bigint' ? exact(inner) : inner;
  });
  const safe = (text ?? 'null').replace(/[\u2028\u2029]/g, (c) => (c === '\u2028' ? '\\u2028' : '\\u2029'));
  return escapeHtml ? escapeMarkup(safe) : safe;
}

const escapeMarkup = (json: string) => json.replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);

/** Rows always escape markup: their own encoder does, whatever the outer one is told. */
export const rowJson = (row: Row) => toJson(row.toObject(), true);
