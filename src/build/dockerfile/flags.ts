import { invalid } from '../../base/index.ts';
import { didYouMean } from './suggest.ts';

export type FlagKind = 'switch' | 'text' | 'texts';

/** Values of an instruction's flags; what was not given is absent. */
export class Flags {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }

  text(name: string): string | undefined {
    return this.#values.get(name)?.[0];
  }

  texts(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  switch(name: string): boolean | undefined {
    const value = this.text(name);
    return value === undefined ? undefined : value === 'true';
  }
}

/** Checks `--name=value` words against what an instruction knows. */
export function parseFlags(words: readonly string[], known: Readonly<Record<string, FlagKind>>): Flags {
  const values = new Map<string, string[]>();
  for (const word of words) {
    const at = word.indexOf('=');
    const written = at < 0 ? word : word.slice(0, at);
    const value = at < 0 ? undefined : word.slice(at + 1);
    const name = written.slice(2);
    const kind = Object.hasOwn(known, name) ? known[name] : undefined;
    if (kind === undefined) throw invalid(`unknown flag: ${written}${didYouMean(name, Object.keys(known))}`);
    if (values.has(name) && kind !== 'texts') throw invalid(`duplicate flag specified: ${written}`);
    values.set(name, [...(values.get(name) ?? []), flagValue(kind, written, value)]);
  }
  return new Flags(values);
}

function flagValue(kind: FlagKind, flag: string, value: string | undefined): string {
  if (kind !== 'switch') {
    if (value === undefined) throw invalid(`missing a value on flag: ${flag}`);
    return value;
  }
  if (value === '') throw invalid(`missing a value on flag: ${flag}`);
  const lower = (value ?? 'true').toLowerCase();
  if (lower !== 'true' && lower !== 'false') throw invalid(`expecting boolean value for flag ${flag}, not: ${value}`);
  return lower;
}
