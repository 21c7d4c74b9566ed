import path from 'node:path';
import { fail } from '../document/faults.ts';
import { isMapping, type Mapping, spotOf, withSpots } from '../document/tree.ts';
import { merge } from './merge.ts';
import { pathsFrom } from './paths.ts';
import { type Reading, readFile } from './read-file.ts';

/** A file with its services, to look for those that others extend. */
interface Home {
  readonly file: string;
  /** Where its relative paths begin. */
  readonly folder: string;
  readonly services: Mapping;
}

/** Gives every service of a file what it takes from others by `extends`. */
export function applyExtends(root: Mapping, file: string, folder: string, reading: Reading): Mapping {
  const { services } = root;
  if (!isMapping(services)) return root;
  const home: Home = { file, folder, services };
  const made = Object.fromEntries(Object.keys(services).map((name) => [name, extended(name, home, reading, [])]));
  return withSpots({ ...root, services: withSpots(made, services) }, root);
}

function extended(name: string, home: Home, reading: Reading, above: readonly string[]): Mapping {
  const service = home.services[name] as Mapping;
  const { extends: wish, ...own } = service;
  if (!isMapping(wish)) return service;
  const place = spotOf(service, 'extends')?.value;
  const self = `${home.file} ${name}`;
  if (above.includes(self)) return fail(place, `services.${name}.extends: it extends itself in the end`);
  const base = String(wish['service']);
  const other = wish['file'] === undefined ? home : otherHome(String(wish['file']), home, reading);
  if (!Object.hasOwn(other.services, base)) return fail(place, `services.${name}.extends: ${other.file} has no service "${base}"`);
  const from = extended(base, other, reading, [...above, self]);
  return merge(from, withSpots(own, service)) as Mapping;
}

function otherHome(file: string, { folder }: Home, reading: Reading): Home {
  const absolute = path.resolve(folder, file);
  const there = path.dirname(absolute);
  const { services } = readFile(absolute, pathsFrom(there, reading.home), reading);
  return { file: absolute, folder: there, services: isMapping(services) ? services : {} };
}
