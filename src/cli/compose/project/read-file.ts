import path from 'node:path';
import { ComposeFailure, type Fault } from '../document/faults.ts';
import { parse } from '../document/parse.ts';
import { isMapping, type Mapping, spotOf, type Tree, withSpots } from '../document/tree.ts';
import { check } from '../schema/check.ts';
import { BadVariable, interpolate, type Lookup } from '../values/interpolate.ts';
import { canonicalObject, canonicalService } from './canonical.ts';
import { readText } from './environment.ts';
import type { Paths } from './paths.ts';

/** What reading needs to know of the world around. */
export interface Reading {
  readonly lookup: Lookup;
  readonly cwd: string;
  readonly home: string;
  /** Told once for each variable that is not set. */
  readonly missing: (name: string) => void;
  /** The text of standard input, for the file `-`. */
  readonly stdin: () => string;
}

/** Reads, checks and writes out one file. Throws `ComposeFailure` with every fault, `CommandFailure` for a file that is not there. */
export function readFile(file: string, paths: Paths, reading: Reading): Mapping {
  const text = file === '-' ? reading.stdin() : readText(file);
  const shown = path.relative(reading.cwd, file);
  const root = withVariables(parse({ name: file === '-' ? 'stdin' : shown.startsWith('..') ? file : shown, text }), reading);
  const faults = check(root);
  if (faults.length > 0) throw new ComposeFailure(faults);
  return canonicalFile(root, paths);
}

/** Puts the variables into every text. All that is wrong is told at once. */
function withVariables(root: Mapping, { lookup, missing }: Pick<Reading, 'lookup' | 'missing'>): Mapping {
  const faults: Fault[] = [];
  const walk = (tree: Tree, place: Fault['place']): Tree => {
    if (typeof tree === 'string') {
      try {
        return interpolate(tree, lookup, missing);
      } catch (error) {
        if (!(error instanceof BadVariable)) throw error;
        faults.push({ place, message: error.message });
        return tree;
      }
    }
    const spot = (key: string | number) => (tree === null || typeof tree !== 'object' ? place : (spotOf(tree, key)?.value ?? place));
    if (Array.isArray(tree))
      return withSpots(
        tree.map((item, at) => walk(item, spot(at))),
        tree,
      );
    if (!isMapping(tree)) return tree;
    return withSpots(Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, walk(value, spot(key))])), tree);
  };
  const made = walk(root, undefined) as Mapping;
  if (faults.length > 0) throw new ComposeFailure(faults);
  return made;
}

const SECTIONS: Readonly<Record<string, typeof canonicalService>> = {
  services: canonicalService,
  networks: canonicalObject,
  volumes: canonicalObject,
  secrets: canonicalObject,
  configs: canonicalObject,
};

function canonicalFile(root: Mapping, paths: Paths): Mapping {
  const made: Mapping = {};
  for (const [key, value] of Object.entries(root)) {
    const canonical = SECTIONS[key];
    if (!canonical || !isMapping(value)) made[key] = value;
    else made[key] = withSpots(Object.fromEntries(Object.entries(value).map(([name, one]) => [name, canonical(one, paths)])), value);
  }
  return withSpots(made, root);
}
