import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { fail } from '../document/faults.ts';
import { isMapping, type Mapping, setSpot, spotOf, type Tree } from '../document/tree.ts';
import { projectVariables } from './environment.ts';
import { applyExtends } from './extends.ts';
import { merge } from './merge.ts';
import { pathsFrom } from './paths.ts';
import { type Reading, readFile } from './read-file.ts';

const SECTIONS = ['services', 'networks', 'volumes', 'secrets', 'configs'];

/** Reads files in order, each over those before it, with all that they extend and include. */
export function readFiles(files: readonly string[], folder: string, reading: Reading, above: readonly string[] = []): Mapping {
  let whole: Mapping = {};
  for (const file of files) {
    const root = applyExtends(readFile(file, pathsFrom(folder, reading.home), reading), file, folder, reading);
    const { include, ...own } = root;
    let included: Mapping = {};
    if (Array.isArray(include))
      include.forEach((entry, at) => {
        const place = spotOf(include, at)?.value;
        if (above.includes(file)) fail(place, 'include: the file includes itself in the end');
        included = joinApart(included, readIncluded(entry, folder, reading, [...above, file]), place);
      });
    whole = merge(merge(included, whole), keepSpots(own, root)) as Mapping;
  }
  return whole;
}

/** Another project with folder and variables of its own. */
function readIncluded(entry: Tree, folder: string, reading: Reading, above: readonly string[]): Mapping {
  const wish: Mapping = isMapping(entry) ? entry : { path: entry };
  const files = [wish['path'] ?? []].flat().map((file) => path.resolve(folder, String(file)));
  const own =
    wish['project_directory'] === undefined ? path.dirname(files[0] ?? folder) : path.resolve(folder, String(wish['project_directory']));
  const named = [wish['env_file'] ?? []].flat().map((file) => path.resolve(folder, String(file)));
  const { lookup } = projectVariables(own, named, reading.lookup);
  const { name: _name, version: _version, ...rest } = readFiles(files, own, { ...reading, lookup }, above);
  return rest;
}

/** Included projects do not override each other: the same name means the same thing, or it is a mistake. */
function joinApart(a: Mapping, b: Mapping, place: Parameters<typeof fail>[0]): Mapping {
  for (const section of SECTIONS) {
    const [one, two] = [a[section], b[section]];
    if (!isMapping(one) || !isMapping(two)) continue;
    for (const name of Object.keys(two))
      if (Object.hasOwn(one, name) && !isDeepStrictEqual(one[name], two[name]))
        fail(place, `include: ${section}.${name} is defined differently by another included file`);
  }
  return merge(a, b) as Mapping;
}

function keepSpots(made: Mapping, from: Mapping): Mapping {
  for (const key of Object.keys(made)) setSpot(made, key, spotOf(from, key));
  return made;
}
