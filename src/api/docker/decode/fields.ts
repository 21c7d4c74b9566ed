import { invalid } from '../../../base/index.ts';

/**
 * A JSON object whose fields are read by name and checked for their type. As in Go, names match whatever their case,
 * `null` counts as absent, and fields nobody asks for are passed over. Errors name the path (`HostConfig.Memory`).
 */
export class Fields {
  readonly path: string;
  #values: Map<string, unknown>;

  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongType(path, 'an object', value);
    this.path = path;
    this.#values = new Map(Object.entries(value).map(([name, inner]) => [name.toLowerCase(), inner]));
  }

  static empty(path: string): Fields {
    return new Fields({}, path);
  }

  raw(name: string): unknown {
    return this.#values.get(name.toLowerCase()) ?? undefined;
  }

  string(name: string): string {
    return this.#typed(name, 'a string', (v) => typeof v === 'string') ?? '';
  }

  boolean(name: string): boolean {
    return this.optionalBoolean(name) ?? false;
  }

  optionalBoolean(name: string): boolean | undefined {
    return this.#typed(name, 'a boolean', (v) => typeof v === 'boolean');
  }

  /** 0 when absent. */
  integer(name: string): number {
    return this.optionalInteger(name) ?? 0;
  }

  optionalInteger(name: string): number | undefined {
    return this.#typed(name, 'a whole number', (v) => Number.isInteger(v) && Math.abs(v as number) <= 2 ** 63);
  }

  strings(name: string): string[] | undefined {
    return this.#typed(name, 'a list of strings', isStrings);
  }

  /** Cmd and Entrypoint of old clients may be one string. */
  stringsOrString(name: string): string[] | undefined {
    const value = this.raw(name);
    if (typeof value === 'string') return [value];
    return this.strings(name);
  }

  stringMap(name: string): Record<string, string> {
    const map = this.#typed<Record<string, string | null>>(
      name,
      'an object of strings',
      (v) => isObject(v) && Object.values(v).every((inner) => typeof inner === 'string' || inner === null),
    );
    // A value of null is the empty string, as in Go.
    return Object.fromEntries(Object.entries(map ?? {}).map(([key, value]) => [key, value ?? '']));
  }

  object(name: string): Fields | undefined {
    const value = this.raw(name);
    return value === undefined ? undefined : new Fields(value, this.#at(name));
  }

  /** Entries of an object by key, each an object or null. */
  entries(name: string): [string, Fields][] {
    const value = this.raw(name);
    if (value === undefined) return [];
    if (!isObject(value)) throw wrongType(this.#at(name), 'an object', value);
    return Object.entries(value).map(([key, inner]) => [
      key,
      inner === null ? Fields.empty(`${this.#at(name)}.${key}`) : new Fields(inner, `${this.#at(name)}.${key}`),
    ]);
  }

  objects(name: string): Fields[] {
    const value = this.raw(name);
    if (value === undefined) return [];
    if (!Array.isArray(value)) throw wrongType(this.#at(name), 'a list', value);
    return value.map((inner: unknown, index) => new Fields(inner, `${this.#at(name)}[${index}]`));
  }

  #at(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }

  #typed<T>(name: string, expected: string, fits: (value: unknown) => boolean): T | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    if (!fits(value)) throw wrongType(this.#at(name), expected, value);
    return value as T;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isStrings(value: unknown): boolean {
  return Array.isArray(value) && value.every((inner) => typeof inner === 'string');
}

function wrongType(path: string, expected: string, value: unknown): Error {
  const found =
    value === null
      ? 'null'
      : Array.isArray(value)
        ? 'a list'
        : typeof value === 'object'
          ? 'an object'
          : `the ${typeof value} ${JSON.stringify(value)}`;
  return invalid(`invalid JSON: ${path === '' ? 'the body' : path} must be ${expected}, not ${found}`);
}
