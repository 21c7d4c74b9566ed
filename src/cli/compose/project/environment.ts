import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { CommandFailure, plainReason } from '../../failure.ts';
import { BadLine, parseRawVariables, parseVariables } from '../values/dotenv.ts';
import type { Lookup } from '../values/interpolate.ts';

/** Reads files of variables, later ones over earlier ones. Throws `CommandFailure` that names file and line. */
export function readVariables(files: readonly { path: string; required: boolean; raw?: boolean }[], outside: Lookup): Map<string, string> {
  const all = new Map<string, string>();
  const lookup: Lookup = (name) => outside(name) ?? all.get(name);
  for (const { path: file, required, raw } of files) {
    if (!required && !existsSync(file)) continue;
    const text = readText(file);
    try {
      for (const [name, value] of raw ? parseRawVariables(text) : parseVariables(text, lookup)) all.set(name, value);
    } catch (error) {
      throw error instanceof BadLine ? new CommandFailure(`${file}:${error.line}: ${error.message}`, 16) : error;
    }
  }
  return all;
}

export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandFailure(plainReason(error, file), 14, error);
  }
}

/** Variables for `folder`: those around win over the files that are named, or the `.env` of the folder. */
export function projectVariables(folder: string, named: readonly string[], around: Lookup): { lookup: Lookup; files: string[] } {
  const files = named.length > 0 ? [...named] : [path.join(folder, '.env')].filter(existsSync);
  const read = readVariables(
    files.map((file) => ({ path: file, required: true })),
    around,
  );
  return { lookup: (name) => around(name) ?? read.get(name), files };
}
