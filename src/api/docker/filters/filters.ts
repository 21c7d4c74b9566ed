import { invalid } from '../../../base/index.ts';

/** Filters of one request: name to its values. */
export class Filters {
  #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }

  get empty(): boolean {
    return this.#values.size === 0;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  get(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** True when the filter is absent, or one of its values fits. */
  any(name: string, fits: (value: string) => boolean): boolean {
    const values = this.#values.get(name);
    return values === undefined || values.length === 0 || values.some(fits);
  }

  /** True when every value fits. */
  all(name: string, fits: (value: string) => boolean): boolean {
    return this.get(name).every(fits);
  }

  /** The one boolean of a filter such as dangling; undefined when absent. Fails with `invalid`. */
  boolean(name: string): boolean | undefined {
    const values = this.get(name);
    if (values.length === 0) return undefined;
    const yes = values.some((value) => /^(1|true)$/i.test(value));
    const no = values.some((value) => /^(0|false)$/i.test(value));
    const bad = values.find((value) => !/^(0|1|true|false)$/i.test(value));
    if (bad !== undefined || yes === no) throw invalidFilter(name, values.join(','));
    return yes;
  }
}

export const NO_FILTERS = new Filters(new Map());

/**
 * The `filters` parameter: `{"label":["a"]}`, or `{"label":{"a":true}}` of old clients. Fails with `invalid` when it
 * is neither, and names a filter that is not in `known`.
 */
export function parseFilters(text: string | undefined, known: readonly string[]): Filters {
  if (text === undefined) return NO_FILTERS;
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw invalid(`invalid filters: '${text.slice(0, 200)}' is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw invalid(`invalid filters: '${text.slice(0, 200)}' is not an object`);
  const values = new Map<string, readonly string[]>();
  for (const [name, value] of Object.entries(document)) {
    if (!known.includes(name)) throw invalid(`invalid filter '${name}'`);
    values.set(name, valuesOf(name, value));
  }
  return new Filters(values);
}

function valuesOf(name: string, value: unknown): string[] {
  if (Array.isArray(value)) {
    if (value.some((inner) => typeof inner !== 'string')) throw invalid(`invalid filter '${name}': its values must be strings`);
    return value as string[];
  }
  if (typeof value !== 'object' || value === null) throw invalid(`invalid filter '${name}': expected a list of strings`);
  return Object.entries(value)
    .filter(([, wanted]) => wanted === true)
    .map(([inner]) => inner);
}

export function invalidFilter(name: string, value: string): Error {
  return invalid(`invalid filter '${name}=${value}'`);
}

/** `key` or `key=value` against labels. */
export function matchesLabel(labels: Record<string, string>, wanted: string): boolean {
  const at = wanted.indexOf('=');
  if (at === -1) return Object.hasOwn(labels, wanted);
  const key = wanted.slice(0, at);
  return Object.hasOwn(labels, key) && labels[key] === wanted.slice(at + 1);
}

/** Every `label` must be there, no `label!` may be. */
export function matchesLabels(filters: Filters, labels: Record<string, string>): boolean {
  return (
    filters.all('label', (wanted) => matchesLabel(labels, wanted)) && filters.all('label!', (unwanted) => !matchesLabel(labels, unwanted))
  );
}
