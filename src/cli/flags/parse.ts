import { UsageFailure } from '../failure.ts';
import type { FlagSpec } from './spec.ts';
import { closest } from './suggest.ts';
import { type FlagValue, nextValue } from './values.ts';

/** The flags of one command as the user gave them; an absent flag reads as its kind's empty value. */
export class Flags {
  readonly #specs: Map<string, FlagSpec>;
  readonly #values = new Map<string, FlagValue>();

  constructor(specs: readonly FlagSpec[]) {
    this.#specs = new Map(specs.map((spec) => [spec.name, spec]));
    for (const spec of specs) {
      if (spec.default !== undefined) this.#values.set(spec.name, nextValue({ ...spec, check: () => {} }, spec.default, undefined));
    }
  }

  readonly #given = new Set<string>();

  set(spec: FlagSpec, text: string): void {
    this.#values.set(spec.name, nextValue(spec, text, this.#given.has(spec.name) ? this.#values.get(spec.name) : undefined));
    this.#given.add(spec.name);
  }

  #read(name: string): FlagValue | undefined {
    if (!this.#specs.has(name)) throw new Error(`no flag is called ${name}`);
    return this.#values.get(name);
  }

  given(name: string): boolean {
    return this.#given.has(name);
  }
  bool(name: string): boolean {
    return this.#read(name) === true;
  }
  text(name: string): string {
    return String(this.#read(name) ?? '');
  }
  number(name: string): number {
    return Number(this.#read(name) ?? 0);
  }
  list(name: string): string[] {
    const value = this.#read(name);
    return Array.isArray(value) ? value : [];
  }
}

export interface Parsed {
  readonly flags: Flags;
  readonly args: string[];
  readonly help: boolean;
}

export interface ParseOptions {
  /** Flags end at the first argument: what follows belongs to the container. */
  readonly stopAtArgument?: boolean;
}

const label = (spec: FlagSpec) => (spec.short ? `-${spec.short}, --${spec.name}` : `--${spec.name}`);

/**
 * Reads pflag's grammar: `--name=value`, `--name value`, `-n value`, `-nvalue`, clusters such as `-itd`, `--` as the
 * end of flags. Throws `UsageFailure` in Docker's words.
 */
export function parseFlags(specs: readonly FlagSpec[], argv: readonly string[], options: ParseOptions = {}): Parsed {
  const flags = new Flags(specs);
  const byName = new Map(specs.map((spec) => [spec.name, spec]));
  const byShort = new Map(specs.flatMap((spec) => (spec.short ? [[spec.short, spec] as const] : [])));
  const args: string[] = [];
  let help = false;
  let at = 0;

  function assign(spec: FlagSpec, value: string): void {
    try {
      flags.set(spec, value);
    } catch (error) {
      throw new UsageFailure(
        `invalid argument ${JSON.stringify(value)} for "${label(spec)}" flag: ${error instanceof Error ? error.message : error}`,
      );
    }
  }

  function readLong(word: string): void {
    const equals = word.indexOf('=');
    const name = word.slice(2, equals < 0 ? undefined : equals);
    const spec = byName.get(name);
    if (!spec) {
      if (name === 'help') {
        help = true;
        return;
      }
      const near = closest(name, [...byName.keys()]);
      throw new UsageFailure(`unknown flag: --${name}${near ? `\nDid you mean --${near}?` : ''}`);
    }
    if (equals >= 0 || spec.kind === 'bool') {
      assign(spec, equals >= 0 ? word.slice(equals + 1) : 'true');
      return;
    }
    const value = argv[at];
    if (value === undefined) throw new UsageFailure(`flag needs an argument: --${name}`);
    at += 1;
    assign(spec, value);
  }

  function readCluster(word: string): void {
    for (let letter = 1; letter < word.length; letter += 1) {
      const short = word[letter] ?? '';
      const spec = byShort.get(short);
      if (!spec) {
        if (short === 'h') {
          help = true;
          return;
        }
        throw new UsageFailure(`unknown shorthand flag: '${short}' in -${word.slice(letter)}`);
      }
      const rest = word.slice(letter + 1);
      if (spec.kind === 'bool' && rest[0] !== '=') {
        assign(spec, 'true');
        continue;
      }
      if (rest !== '') {
        assign(spec, rest[0] === '=' ? rest.slice(1) : rest);
        return;
      }
      const value = argv[at];
      if (value === undefined) throw new UsageFailure(`flag needs an argument: '${short}' in ${word}`);
      at += 1;
      assign(spec, value);
      return;
    }
  }

  while (at < argv.length && !help) {
    const word = argv[at] ?? '';
    at += 1;
    if (word === '--') {
      args.push(...argv.slice(at));
      break;
    }
    if (word.startsWith('--')) readLong(word);
    else if (word.startsWith('-') && word.length > 1) readCluster(word);
    else if (options.stopAtArgument) {
      args.push(word, ...argv.slice(at));
      break;
    } else args.push(word);
  }
  return { flags, args, help };
}
