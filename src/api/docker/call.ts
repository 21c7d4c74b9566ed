import { type Clock, invalid, type Log } from '../../base/index.ts';
import type { Engine, HostDescription } from '../../engine/index.ts';
import type { Exchange } from '../http/index.ts';

/** One call of the API, its version and parameters taken apart. */
export interface Call {
  exchange: Exchange;
  /** Minor number of the API version that the client speaks. */
  minor: number;
  /** From the path, decoded. */
  parameters: Record<string, string>;
  query: URLSearchParams;
}

export type Operation = (call: Call) => void | Promise<void>;

/** What `version` and the headers say of this build. */
export interface BuildInfo {
  version: string;
  commit: string;
  /** RFC 3339; empty when not known. */
  builtAt: string;
}

/** What the routes work with. */
export interface Parts {
  engine: Engine;
  clock: Clock;
  log: Log;
  build: BuildInfo;
  /** The facts of the host that decoding needs, read once. */
  host: () => Promise<HostDescription>;
}

export type AddRoute = (method: string, pattern: string, operation: Operation) => void;

/** A path parameter: the pattern has it, so it is there. */
export function parameter(call: Call, name: string): string {
  return call.parameters[name] ?? '';
}

/** Docker's reading of a flag: everything but these words (and nothing) is true. */
export function flag(call: Call, name: string, fallback = false): boolean {
  const text = call.query.get(name);
  if (text === null) return fallback;
  return !/^(0|no|false|none|)$/i.test(text.trim());
}

export function text(call: Call, name: string): string | undefined {
  const value = call.query.get(name);
  return value === null || value === '' ? undefined : value;
}

/** An integer of the query. Fails with `invalid` for anything else. */
export function integer(call: Call, name: string): number | undefined {
  const value = text(call, name);
  if (value === undefined) return undefined;
  if (!/^[+-]?\d{1,15}$/.test(value)) throw invalid(`invalid value for ${name}: '${value}' is not a whole number`);
  return Number(value);
}

/** Terminal size of the query, as resize has it. */
export function size(call: Call): { rows: number; columns: number } {
  const rows = integer(call, 'h');
  const columns = integer(call, 'w');
  if (rows === undefined || columns === undefined) throw invalid('invalid terminal size: the query parameters h and w must be given');
  if (rows < 0 || columns < 0 || rows > 65535 || columns > 65535)
    throw invalid(`invalid terminal size: ${rows}x${columns} is out of range`);
  return { rows, columns };
}
